# For Ollama.app; quit and open it afterwards:
launchctl setenv OLLAMA_CONTEXT_LENGTH 16384
launchctl setenv OLLAMA_NUM_PARALLEL 2
launchctl setenv OLLAMA_KV_CACHE_TYPE q8_0
# For `ollama serve` in this shell:
export OLLAMA_CONTEXT_LENGTH=16384
export OLLAMA_NUM_PARALLEL=2
export OLLAMA_KV_CACHE_TYPE=q8_0
