# Named as lmstudio-community names its uploads; `lms ls` shows what yours is called.
mkdir -p ~/.lmstudio/.internal/user-concrete-model-default-config/lmstudio-community/Llama-3.1-8B-Instruct-GGUF
cat > ~/.lmstudio/.internal/user-concrete-model-default-config/lmstudio-community/Llama-3.1-8B-Instruct-GGUF/Llama-3.1-8B-Instruct-Q4_K_M.gguf.json <<'JSON'
{"preset":"","operation":{"fields":[]},"load":{"fields":[
  {"key":"llm.load.contextLength","value":4096},
  {"key":"llm.load.llama.acceleration.offloadRatio","value":"max"},
  {"key":"llm.load.llama.flashAttention","value":true}
]}}
JSON
lms load lmstudio-community/Llama-3.1-8B-Instruct-GGUF/Llama-3.1-8B-Instruct-Q4_K_M.gguf --gpu max -c 4096 -y
