# MLX reads no GGUF. By mlx-community's way of naming, 4bit comes nearest to Q4_K_M; its weights take other bytes than planned.
# mlx_lm.server keeps its cache in 16 bits: about 2.00 GiB at 8192 tokens, where 1.06 GiB were planned.
# No option limits the context: memory grows with the tokens in use, beyond 8192 too.
# Caches of finished requests are kept beside the one in use, up to 2.00 GiB more.
mlx_lm.server --model mlx-community/Qwen2.5-Coder-32B-Instruct-4bit --prefill-step-size 512 --decode-concurrency 1 --prompt-concurrency 1 --prompt-cache-size 1 --prompt-cache-bytes 2147483648
