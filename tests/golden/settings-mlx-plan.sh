# No option limits the context: memory grows with the tokens in use, beyond 32768 too.
# Caches of finished requests are kept beside the one in use, up to 2.14 GiB more.
mlx_lm.server --model mlx-community/Qwen3.6-27B-4bit --prefill-step-size 512 --decode-concurrency 1 --prompt-concurrency 1 --prompt-cache-size 1 --prompt-cache-bytes 2301427712
