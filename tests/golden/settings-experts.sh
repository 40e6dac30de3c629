# -m: where your gpt-oss-120b MXFP4_MOE file is
llama-server -m gpt-oss-120b-MXFP4_MOE.gguf -c 32768 -np 2 --n-cpu-moe 20 -ot 'blk\.0\.ffn_(up|down).*=CPU'
