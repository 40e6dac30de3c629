# -m: where your qwen2.5-coder-32b Q4_K_M file is
llama-server -m Qwen2.5-Coder-32B-Instruct-Q4_K_M.gguf -c 8192 -ctk q8_0 -ctv q8_0
