# Named as lmstudio-community names its uploads; `lms ls` shows what yours is called.
mkdir -p ~/.lmstudio/.internal/user-concrete-model-default-config/lmstudio-community/Qwen2.5-Coder-32B-Instruct-GGUF
cat > ~/.lmstudio/.internal/user-concrete-model-default-config/lmstudio-community/Qwen2.5-Coder-32B-Instruct-GGUF/Qwen2.5-Coder-32B-Instruct-Q4_K_M.gguf.json <<'JSON'
{"preset":"","operation":{"fields":[]},"load":{"fields":[
  {"key":"llm.load.contextLength","value":8192},
  {"key":"llm.load.llama.acceleration.offloadRatio","value":"max"},
  {"key":"llm.load.llama.evalBatchSize","value":2048},
  {"key":"llm.load.llama.physicalBatchSize","value":512},
  {"key":"llm.load.llama.flashAttention","value":true},
  {"key":"llm.load.llama.kCacheQuantizationType","value":{"checked":true,"value":"q8_0"}},
  {"key":"llm.load.llama.vCacheQuantizationType","value":{"checked":true,"value":"q8_0"}}
]}}
JSON
lms load lmstudio-community/Qwen2.5-Coder-32B-Instruct-GGUF/Qwen2.5-Coder-32B-Instruct-Q4_K_M.gguf --gpu max -c 8192 -y
