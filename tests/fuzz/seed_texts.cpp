// SPDX-License-Identifier: MIT
#include "fuzz/seed_texts.hpp"

namespace membudget::fuzz {
namespace {

// What the registry answers for a model with everything a manifest can have.
constexpr const char* manifest =
    R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
"config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":485},
"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","size":4920734272},
{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:2222222222222222222222222222222222222222222222222222222222222222","size":1481},
{"mediaType":"application/vnd.ollama.image.projector","digest":"sha256:3333333333333333333333333333333333333333333333333333333333333333","size":624434368},
{"mediaType":"application/vnd.ollama.image.params","digest":"sha256:4444444444444444444444444444444444444444444444444444444444444444","size":96}]})";

// The same with the model and its parameters only.
constexpr const char* plain_manifest =
    R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","size":4920734272},
{"mediaType":"application/vnd.ollama.image.params","digest":"sha256:4444444444444444444444444444444444444444444444444444444444444444","size":17}]})";

}  // namespace

std::vector<std::string> capi_texts() {
  return {
      R"({"model": "qwen2.5-0.5b", "chip": "m1-max-32gb", "ctx-size": "8k", "cache-type": "q8_0"})",
      R"({"model": "qwen2.5:0.5b", "chip": "m1-16gb", "runtime": "ollama", "kv-unified": true, "parallel": 2})",
      R"({"model": "llama3.2:1b", "chip": "m4-max-36gb", "runtime": "mlx", "kv-bits": "8", "prompt-tokens": 512})",
      R"({"model": "qwen2.5-0.5b", "chip": "m1-max-32gb", "runtime": "llama.cpp@b10488", "ctx-size": "max",
"batch-size": 512, "ubatch-size": "64", "gpu-layers": "all", "flash-attn": "off", "swa-full": true, "no-mmap": true,
"override-tensor": ["blk\\.[0-9]+\\.ffn.*=CPU"], "macos": "15", "reserve": "4GiB", "wired-limit-mb": 20000})",
      R"({"model": "qwen3-0.6b", "chip": "m1-max-32gb", "draft": "qwen2.5-0.5b", "spec-draft-n-max": 4, "cache-ram": "-1",
"ctx-checkpoints": 3, "quant": "Q8_0", "explain": true, "depth": "1k", "n-cpu-moe": 2, "load-mode": "none"})",
      R"({"chip": "fuzz-8gb", "model": "qwen2.5-0.5b"}
%%
{"schema": "membudget.chip/1", "id": "fuzz-8gb"})",
  };
}

std::vector<std::string> http_texts() {
  const std::string served = "206\nserve: 1000000\netag: \"one\"\n\n";
  const std::string next = "\n%%\n";
  return {
      "model https://hub.example/org/repo/resolve/main/model.gguf\n" + served,
      "model https://hub.example/org/repo/blob/main/model-00001-of-00002.gguf\n" + served + next +
          served,
      "model https://user:passwordSECRET@other.example/x.gguf?token=1#f\n302\nlocation: "
      "https://cdn.example/y.gguf\n\n" +
          next + served + next + served,
      "model http://127.0.0.1:8080/x.gguf\n200\ncontent-length: 100\n\nGGUF",
      "model https://hub.example/x.gguf\n206\nserve: 5000\ncontent-range: bytes 0-99/5000\n\n",
      "model https://hub.example/x.gguf\n200\ncontent-type: text/html\n\n<html>",
      "model https://hub.example/x.gguf\n429\n\n" + next + served,
      "model https://hub.example/x.gguf\n206\nfail: cut\ntransient: 1\nserve: 9000\n\n" + next +
          served,
      "model https://hub.example/x.gguf\n307\nlocation: /other\n\n" + next +
          "308\nlocation: //cdn.example/z\n\n" + next + "301\nlocation: relative/w\n\n" + next +
          "303\nlocation: http://plain.example/\n\n",
      "ollama llama3.2:1b\n200\n\n" + std::string(plain_manifest) + next + served + next +
          "206\ncontent-range: bytes 0-16/17\n\n{\"num_ctx\": 8192}",
      "ollama localhost:5000/me/model:tag\n404\n\n",
      "hub org/repo:Q4_K_M\n200\n\n" +
          std::string(
              R"({"siblings":[{"rfilename":"m-Q4_K_M.gguf"},{"rfilename":"m-Q8_0.gguf"}]})") +
          next + served,
      "hub org/repo\n401\n\n",
      "text https://hub.example/a\n200\n\n{}",
      "text https://hub.example/a\n302\nlocation: https://other.example/b\n\n" + next +
          "200\n\nshort",
      "monitor http://localhost:11434/\n200\n\n" +
          std::string(
              R"({"models":[{"name":"a","size":6012345678,"size_vram":1,"context_length":8192,"details":{"quantization_level":"Q4_K_M"}}]})"),
      "monitor 10.0.0.1:8080\n404\n\n" + next +
          "200\n\nllamacpp:tokens_predicted_total 100\nllamacpp:tokens_predicted_seconds_total "
          "10.5\nllamacpp:prompt_tokens_total 5\nllamacpp:prompt_seconds_total "
          "1e-3\nllamacpp:requests_processing 1\n" +
          next + "200\n\n" +
          R"([{"id":0,"n_ctx":4096,"is_processing":true,"n_prompt_tokens":17}])" + next +
          "200\n\nllamacpp:tokens_predicted_total 200\n",
  };
}

std::vector<std::string> log_texts() {
  return {
      "time=2025-05-01T10:00:00.000+02:00 level=INFO source=server.go:168 msg=offload "
      "library=metal layers.requested=-1 layers.model=33 layers.offload=33 "
      "memory.available=\"[21.3 GiB]\" memory.required.full=\"6.0 GiB\" "
      "memory.required.partial=\"6.0 GiB\" memory.required.kv=\"1.0 GiB\" "
      "memory.weights.total=\"4.3 GiB\" memory.graph.full=\"560.0 MiB\"\n",
      "time=2025-09-01T10:00:00.000+02:00 level=INFO source=ggml.go:494 msg=\"offloaded 49/49 "
      "layers to GPU\"\ntime=2025-09-01T10:00:00.000+02:00 level=INFO source=device.go:240 "
      "msg=\"model weights\" device=Metal size=\"17.1 GiB\"\ntime=2025-09-01T10:00:00.000+02:00 "
      "level=INFO source=device.go:251 msg=\"kv cache\" device=Metal size=\"408.0 MiB\"\n"
      "time=2025-09-01T10:00:00.000+02:00 level=INFO source=device.go:262 msg=\"compute graph\" "
      "device=Metal size=\"116.0 MiB\"\ntime=2025-09-01T10:00:00.000+02:00 level=INFO "
      "source=device.go:272 msg=\"total memory\" size=\"17.8 GiB\"\n",
      "$ mlx_lm.generate --model mlx-community/Qwen3-4B-Instruct-2507-4bit --prompt - "
      "--max-tokens 100 --prefill-step-size 512\n==========\nPrompt: 512 tokens, 1234.567 "
      "tokens-per-sec\nGeneration: 100 tokens, 87.654 tokens-per-sec\nPeak memory: 3.141 GB\n",
      "Timing with prompt_tokens=2048, generation_tokens=128, batch_size=1.\nAverages: "
      "prompt_tps=1576.865, generation_tps=104.690, peak_memory=4.250\n",
      "NAME                ID              SIZE      PROCESSOR          CONTEXT    UNTIL\n"
      "llama3.1:8b         46e0c10c039e    6.0 GB    100% GPU           8192       4 minutes\n"
      "qwen3-coder:30b     06c1097efce0    26 GB     16%/84% CPU/GPU    262144     Forever\n",
      R"({"models":[{"name":"llama3.1:8b","size":6012345678,"size_vram":6012345678,"context_length":8192}]})",
      "\x1b[32m0.00.012.345 I llama_model_loader: - kv   0: general.architecture str = "
      "llama\x1b[0m\n",
  };
}

std::vector<std::string> measurement_texts() {
  return {
      R"({"memory": 0.91, "swap": 0, "temperature": 71.5, "thermal_state": "fair", "generation_tps": 14.2})",
      R"({"memory_percent": 91, "tps": 3})",
      R"({"memory": "91%"})",
      R"({"schema": "membudget.calibration_result/1", "time": "2026-01-31T12:00:00Z", "engines": [{"chip": "m1-max-32gb", "engine": "llama.cpp",
"generation": {"records": 5, "middle": 0.95, "spread": 0.01, "applied": true},
"prompt": {"records": 3, "middle": 1.1, "spread": 0.2, "applied": false, "why_not": "3 records are too few"},
"memory": {"records": 0, "middle": 0, "spread": 0, "applied": false, "why_not": "none"}}]})",
  };
}

std::vector<std::string> modelfile_texts() {
  return {
      "FROM llama3.1:8b\nPARAMETER num_ctx 8192\nPARAMETER num_batch 512\nPARAMETER num_gpu 20\n"
      "PARAMETER use_mmap false\nSYSTEM \"\"\"You are\nquoted\"\"\"\nTEMPLATE \"{{ .Prompt }}\"\n",
      "# comment\nfrom ./model.gguf\nparameter stop \"<|end|>\"\nADAPTER ./a.gguf\nLICENSE "
      "\"\"\"MIT\"\"\"\nMESSAGE user hello\nparameter temperature 0.7\n",
      "FROM a\n%%\nOLLAMA_CONTEXT_LENGTH=8192\nOLLAMA_NUM_PARALLEL=4\nOLLAMA_KV_CACHE_TYPE=q8_0\n"
      "OLLAMA_FLASH_ATTENTION=1\nOLLAMA_MAX_LOADED_MODELS=2\nOLLAMA_GPU_OVERHEAD=1073741824\n"
      "OLLAMA_KEEP_ALIVE=5m\n",
  };
}

std::vector<std::string> ollama_texts() {
  return {
      std::string("llama3.2:1b\n%%\n") + plain_manifest +
          "\n%%\n{\"num_ctx\": 8192, \"stop\": [\"a\"]}",
      std::string("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M\n%%\n") + manifest +
          "\n%%\n{\"num_ctx\": 1e3}",
      "registry.ollama.ai:443/library/qwen3:latest\n%%\n{\"layers\":[]}",
  };
}

std::vector<std::string> record_texts() {
  return {
      R"({"schema":"membudget.record/1","time":"2026-01-31T12:00:00Z","model":"llama3.1:8b","quantization":"Q4_K_M","runtime":"ollama","version":"0.33.0","chip":"m1-max-32gb","macos":"26","settings":{"context":8192,"batch":512,"ubatch":512,"parallel":1,"gpu_layers":33,"cache_type_k":"f16","cache_type_v":"f16","flash_attention":true,"temperature":0.7,"top_p":0.9},"memory_bytes":6012345678,"generation_tps":42.5,"prompt_tps":512.25,"first_token_ms":300,"context_used":700,"prompt_tokens":512,"generated_tokens":128,"use_case":"coding","rating":4,"note":"a"})",
      R"([{"build_commit":"3f545bec","build_number":10587,"cpu_info":"Apple M1 Max","gpu_info":"Apple M1 Max","backends":"MTL,BLAS","model_filename":"/m/qwen2.5-coder-32b-instruct-q4_k_m.gguf","model_type":"qwen2 32B Q4_K - Medium","model_size":19845357568,"model_n_params":32763876352,"n_batch":2048,"n_ubatch":512,"n_threads":8,"type_k":"q8_0","type_v":"f16","n_gpu_layers":99,"flash_attn":1,"n_prompt":512,"n_gen":0,"n_depth":4096,"test_time":"2026-01-31T12:00:00Z","avg_ns":4000000000,"stddev_ns":1000,"avg_ts":128.5,"stddev_ts":0.1,"samples_ns":[4000000000],"samples_ts":[128.5]}])",
      R"({"model":"llama3.2","created_at":"2026-08-04T08:52:19.385406455-07:00","response":"","done":true,"total_duration":10706818083,"load_duration":6338219291,"prompt_eval_count":26,"prompt_eval_duration":130079000,"eval_count":259,"eval_duration":4232710000})",
      "slot print_timing: id  0 | task 5 | \nprompt eval time =     300.00 ms /   512 tokens (    "
      "0.59 ms per token,  1706.67 tokens per second)\n       eval time =    2000.00 ms /   128 "
      "tokens (   15.63 ms per token,    64.00 tokens per second)\n      total time =    2300.00 "
      "ms /   640 tokens\n",
      "llama_perf_context_print: prompt eval time =      91.12 ms /    14 tokens\n"
      "llama_perf_context_print:        eval time =    1200.00 ms /    63 runs\n",
  };
}

std::vector<std::string> word_texts() {
  return {"4GiB",
          "1.5 GB",
          "1073741824",
          "8k",
          "128k",
          "1m",
          "0.5 %",
          "16MiB",
          "org/repo:Q4_K_M",
          "https://user@hub.example:8443/a/b.gguf?x#y",
          "llama3.1:8b",
          "llama.cpp@b10488",
          "m1-max-32gb",
          "http://[::1]:80/"};
}

}  // namespace membudget::fuzz
