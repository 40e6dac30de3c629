docker run -d -v ollama:/root/.ollama -p 11434:11434 --name ollama -e OLLAMA_CONTEXT_LENGTH=8192 ollama/ollama
