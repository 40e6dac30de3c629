// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "membudget/pooling.hpp"
#include "membudget/tensor.hpp"

#pragma GCC visibility push(default)
namespace membudget {

struct Adapter;
struct Projector;

/// How a normalisation divides: by the root mean square, or by the standard deviation after the
/// mean is taken off (the "layer norm" of older models).
enum class NormKind : std::uint8_t { rms, layer };

/// Where attention's result gets a gate from: a sigmoid of what the query projection computes
/// beside each head's query.
enum class QueryGate : std::uint8_t {
  none,
  interleaved,           ///< Per head, first its query, then its gate (qwen35).
  interleaved_reshaped,  ///< The same, by way of one more reshape (qwen3next).
};

/// Picks the blocks of tokens that a layer of sparse attention looks at (MiniMax M3): a small
/// attention of its own, whose keys are remembered in a cache of their own.
struct BlockIndexer {
  std::int64_t heads = 0;    ///< As many as the layer has key-value heads.
  std::int64_t key_dim = 0;  ///< Of its one key head.
  std::int64_t block = 0;    ///< Tokens per block.
  std::int64_t top_k = 0;    ///< Blocks picked at most.
};

/// Softmax attention that remembers keys and values of every token it may look back at.
/// Optional weights (biases, norms of queries and keys, sinks) are part of it where the tensor
/// table holds them.
struct Attention {
  /// 0 = the layer mixes nothing, and only takes its part in a cache of equally wide values (deci).
  std::int64_t heads = 0;
  /// 0 beside heads = the output projection alone takes attention's place (deci).
  std::int64_t kv_heads = 0;
  std::int64_t key_dim = 0;    ///< Per head, in elements.
  std::int64_t value_dim = 0;  ///< Per head, in elements.
  /// Tokens the layer looks back at; 0 means the whole context.
  std::int64_t window = 0;
  bool rope = true;                ///< Rotary positions on queries and keys.
  NormKind norm = NormKind::rms;   ///< Of queries and keys, where the file holds their weights.
  bool norm_after_rope = false;    ///< They are normalised after the rotation.
  bool norm_across_heads = false;  ///< ... or before they are split into heads (olmo2).
  bool scaled_query = false;       ///< Queries are scaled after the rotation (phi3, gemma).
  /// Queries are multiplied by a per-token temperature (Llama 4, Ministral 3).
  bool temperature = false;
  bool soft_capped = false;  ///< Scores pass a tanh (gemma2).
  bool clamped = false;      ///< What the projections give is limited (dbrx).
  bool rope_factors = true;  ///< The rotation uses the file's frequency factors, if it has any.
  /// Queries and keys are normalised after the rotation, without weights (Llama 4).
  bool unit_norm = false;
  bool output_scaled = false;  ///< The result is multiplied by a constant (mimo2).
  bool values_normed = false;  ///< Values are normalised, without weights (gemma4).
  /// The earlier layer whose cache this one reads instead of filling one of its own; -1 = none.
  std::int64_t cache_layer = -1;
  QueryGate gate = QueryGate::none;
  std::optional<BlockIndexer> indexer = std::nullopt;
};

/// Picks the tokens a layer of sparse attention looks at (DeepSeek-V3.2, GLM-5): a small attention
/// of its own, whose keys are remembered in a cache of their own.
struct Indexer {
  std::int64_t heads = 0;
  std::int64_t key_dim = 0;  ///< Of its one key head.
  std::int64_t top_k = 0;    ///< Tokens picked at most.
  /// False where the layer looks at what the last layer with an indexer of its own picked.
  bool own = true;
};

/// Multi-head latent attention: one latent and one rotary vector per token, shared by all heads.
struct LatentAttention {
  std::int64_t heads = 0;
  std::int64_t latent_dim = 0;  ///< kv_lora_rank
  std::int64_t rope_dim = 0;    ///< Rotary part of a key, per head and shared.
  std::int64_t nope_dim = 0;    ///< The other part of a key, per head.
  std::int64_t value_dim = 0;   ///< Per head, once decompressed.
  std::int64_t query_rank = 0;  ///< q_lora_rank; 0 when queries are projected at once.
  /// Queries are multiplied by a per-token temperature (Mistral Large 3, Mistral Small 4).
  bool temperature = false;
  bool rope = true;  ///< Rotary positions (Kimi Linear has none, though it keeps the dimensions).
  std::optional<Indexer> indexer = std::nullopt;

  /// Elements remembered per token.
  [[nodiscard]] std::int64_t key_width() const { return latent_dim + rope_dim; }
};

/// DeepSeek-V4's attention: a sliding window over one vector per token, key and value of all heads
/// at once, and beside it summaries of `ratio` tokens each of everything before.
struct CompressedAttention {
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;       ///< Of queries, of the one key and of a summary.
  std::int64_t query_rank = 0;     ///< q_lora_rank
  std::int64_t output_groups = 0;  ///< Heads whose results are projected together.
  std::int64_t output_rank = 0;    ///< What a group is projected to.
  std::int64_t window = 0;
  /// Tokens per summary: 4 (they overlap, and an indexer picks among them), 128 (all are looked
  /// at) or 0 (there are none).
  std::int64_t ratio = 0;
  Indexer indexer;  ///< Where the ratio is 4.
};

/// State-space mixer of Mamba: a state of fixed size per sequence, whatever the context.
struct Mamba {
  int version = 1;              ///< 1 (mamba, jamba) or 2 (mamba2 and the hybrids).
  std::int64_t conv_width = 0;  ///< ssm.conv_kernel
  std::int64_t inner_dim = 0;   ///< ssm.inner_size
  std::int64_t state_dim = 0;   ///< ssm.state_size
  std::int64_t groups = 0;      ///< ssm.group_count; 0 in version 1.
  std::int64_t time_rank = 0;   ///< ssm.time_step_rank: rank of dt (1) or number of heads (2).
  /// Version 1: dt, B and C are normalised, also where the file holds no weights for it
  /// (ssm.dt_b_c_rms; falcon-mamba).
  bool normalised = false;
};

/// Gated delta net (Qwen3-Next, Qwen3.5): linear attention with a matrix state per head.
struct DeltaNet {
  std::int64_t conv_width = 0;
  std::int64_t key_heads = 0;
  std::int64_t value_heads = 0;
  std::int64_t key_dim = 0;    ///< Per head.
  std::int64_t value_dim = 0;  ///< Per head.
  /// Queries and keys are copied for every head that shares them, also where the fused operation
  /// would not need it (qwen3next).
  bool repeated = false;
  /// States decay by channel, not by head, and queries, keys and values each have a convolution of
  /// their own (Kimi Linear).
  bool by_channel = false;
  bool bounded_decay =
      false;  ///< The decay is a scaled sigmoid, which has a lower bound (Kimi-K3).
};

/// Short convolution over the last tokens (LFM2).
struct ShortConvolution {
  std::int64_t width = 0;  ///< shortconv.l_cache
};

/// RWKV's time mixing: linear attention with a matrix state per head, whose inputs are blended
/// with those of the token before.
struct Rwkv {
  int version = 6;            ///< 6 (rwkv6, rwkv6qwen2) or 7 (rwkv7, arwkv7).
  std::int64_t head_dim = 0;  ///< wkv.head_size
  std::int64_t kv_heads = 0;  ///< Fewer than heads where they share keys and values; 0 = as many.
  /// Inputs of the last token that are remembered (token_shift_count): the mixer's, and with 2 the
  /// feed-forward's, which then is a ChannelMix.
  std::int64_t shifts = 2;
};

/// What a layer mixes tokens with. monostate: nothing, the layer is a feed-forward only.
using Mixer = std::variant<std::monostate, Attention, LatentAttention, CompressedAttention, Mamba,
                           DeltaNet, ShortConvolution, Rwkv>;

/// How the gate and the up projection of a feed-forward meet.
enum class Gating : std::uint8_t {
  none,   ///< One projection, then an activation.
  split,  ///< Two tensors, `ffn_gate` and `ffn_up`.
  fused,  ///< One tensor of twice the width, `ffn_up` (phi3).
};

/// How the gate and the up projection of a feed-forward are kept small before they meet.
enum class Limit : std::uint8_t {
  none,
  clamped,            ///< Both are clamped (DeepSeek-V4).
  clamped_activated,  ///< The gate is clamped after its activation, not before (step35).
  smooth,       ///< Both pass a scaled tanh instead, and the gate keeps its sigmoid (Kimi-K3).
  smooth_gate,  ///< Of these only the gate.
};

/// Two or three matrix multiplications that every token passes.
struct DenseFeedForward {
  std::int64_t width = 0;  ///< n_ff.
  Gating gating = Gating::split;
  bool squared = false;  ///< The activation is squared afterwards (relu^2, nemotron).
  bool sparse = false;   ///< Only the largest values of the gate survive (gemma3n).
  Limit limit = Limit::none;
};

/// How the router turns its logits into probabilities.
enum class Routing : std::uint8_t { soft_max, sigmoid, soft_max_of_chosen, sqrt_soft_plus };

/// Mixture of experts: all are resident, each token uses some.
struct Experts {
  std::int64_t count = 0;
  std::int64_t used = 0;
  std::int64_t width = 0;         ///< n_ff of one expert.
  std::int64_t shared_width = 0;  ///< n_ff of the shared experts together; 0 = none.
  /// The experts read and write a projection of this width, which the router and the shared
  /// experts do not see (nemotron_h_moe, Kimi-K3); 0 = none.
  std::int64_t latent_dim = 0;
  Routing routing = Routing::soft_max;
  bool normalised = false;  ///< The chosen weights are divided by their sum.
  bool scaled = false;      ///< ... and multiplied by a constant (expert_weights_scale).
  std::int64_t groups = 0;  ///< expert_group_count; more than 1 limits the choice to some groups.
  std::int64_t groups_used = 0;
  Gating gating = Gating::split;
  bool squared = false;  ///< As in DenseFeedForward.
  Limit limit = Limit::none;
  Limit shared_limit = Limit::none;  ///< The same of the shared experts.
  /// What goes into an expert is weighted, not what comes out, and the choice is made by the
  /// router's logits (Llama 4).
  bool input_weighted = false;
  /// n_ff of a dense feed-forward whose result is added and the sum scaled (grok-2); 0 = none.
  std::int64_t dense_width = 0;
  /// The gate of the shared experts is silu(x) / x, not sigmoid(x): one value more (qwen2moe).
  bool divided_gate = false;
};

/// RWKV's feed-forward, whose input is blended with that of the token before.
struct ChannelMix {
  std::int64_t width = 0;
  bool gated = false;  ///< The result is multiplied by a sigmoid of the input (rwkv6).
};

/// The second branch of a block; std::monostate where a block has none.
using FeedForward = std::variant<std::monostate, DenseFeedForward, Experts, ChannelMix>;

/// How the two branches of a block and its input are added.
enum class Residual : std::uint8_t {
  sequential,  ///< The feed-forward reads the sum of input and mixer.
  one_norm,    ///< Both read the normed input; the mixer is added first (stablelm 12B).
  mixer_last,  ///< Both read the normed input; (feed-forward + input) + mixer (command-r).
  own_norms,   ///< Each norms the input for itself; (feed-forward + input) + mixer (gptneox).
  input_last,  ///< Both read the normed input; (feed-forward + mixer) + input (falcon).
  input_last_mixer_first,  ///< Likewise, (mixer + feed-forward) + input (phi2).
  normed_sums,             ///< Nothing is normed before a branch, each sum is afterwards (BERT).
  /// Sequential, but a branch reads a mix of the sum and the inputs of earlier layers that were put
  /// aside, weighted by attention over depth (Kimi-K3).
  attended,
  /// A token has several hidden states. A branch reads a mix of them, and its result is added to
  /// new mixes of them (DeepSeek-V4's hyper-connections).
  hyper_connected,
};

/// One transformer block. Layers are listed one by one, never as a count and a pattern,
/// because runtimes allocate per layer and models differ from layer to layer.
struct Layer {
  Mixer mixer;
  /// A second mixer on the same input, whose result is added (falcon-h1).
  Mixer beside;
  FeedForward feed_forward;
  /// A second feed-forward on the layer's input, through a norm of its own (arctic).
  FeedForward feed_forward_beside;
  /// ... or, instead, on the same sum as the first, each with norms of its own (gemma4).
  bool experts_on_sum = false;
  NormKind norm = NormKind::rms;
  Residual residual = Residual::sequential;
  /// `post_attention_norm` and `post_ffw_norm` normalise the branches (gemma, olmo2, glm4);
  /// otherwise a file's `post_attention_norm` is the norm before the feed-forward.
  bool branch_norms = false;
  bool unweighted_norms = false;  ///< Both branches are normed, without weights in the file (olmo).
  bool norm_before_drop = false;  ///< The mixer's is applied before rows are dropped (afmoe).
  bool early_router = false;      ///< Experts are chosen by the layer's input (smallthinker).
  bool residual_scaled = false;   ///< Both branches are scaled before they are added (granite).
  bool mixer_residual_first = false;  ///< The same of the mixer's sum (jamba, lfm2).
  bool output_scaled = false;         ///< The layer's result is multiplied by a constant (rwkv6).
  bool residual_first = false;  ///< The sum is residual + branch, not branch + residual (phi3).
  /// With Residual::attended: the layer's input is put aside, and the sum starts anew with what the
  /// layer's mixer gives.
  bool input_put_aside = false;
};

/// The weights of a model, found by layer and name.
class TensorTable {
 public:
  TensorTable() = default;
  /// Takes tensors in file order, offsets included; the data of each was padded to `alignment`
  /// bytes (general.alignment). Throws Error{invalid_model} when a name appears twice.
  explicit TensorTable(std::vector<Tensor> tensors, std::int64_t alignment = 32);
  // The index holds views into the tensors' names, so a copy builds its own.
  TensorTable(const TensorTable& other);
  TensorTable& operator=(const TensorTable& other);
  TensorTable(TensorTable&&) noexcept = default;
  TensorTable& operator=(TensorTable&&) noexcept = default;
  ~TensorTable() = default;

  /// All tensors in file order; valid as long as the table.
  [[nodiscard]] std::span<const Tensor> all() const { return tensors_; }
  /// The tensor called `name` outside the layers ("output.weight"), or nullptr.
  [[nodiscard]] const Tensor* find(std::string_view name) const;
  /// The tensor `blk.<layer>.<suffix>` ("attn_q.weight"), or nullptr.
  [[nodiscard]] const Tensor* find(std::int64_t layer, std::string_view suffix) const;
  /// The layer a tensor belongs to; -1 for tensors outside the layers.
  [[nodiscard]] static std::int64_t layer_of(std::string_view tensor_name);
  /// Its name after `blk.<layer>.`; the whole name outside the layers.
  [[nodiscard]] static std::string_view suffix_of(std::string_view tensor_name);

  /// Sum of the tensors' own bytes, without alignment.
  [[nodiscard]] Bytes total() const;
  /// From the first to the last byte of tensor data, with the alignment between tensors.
  [[nodiscard]] Bytes data_size() const;
  /// Number of weights: the sum of the tensors' elements. Throws Error{overflow}.
  [[nodiscard]] std::int64_t parameters() const;

 private:
  using Entry = std::pair<std::string_view, std::size_t>;
  void index();

  std::vector<Tensor> tensors_;
  std::int64_t alignment_ = 32;
  std::vector<std::vector<Entry>> by_layer_;  // [layer + 1], sorted
};

/// Where a model's description comes from; decides how much it can be trusted.
enum class ModelSource : std::uint8_t { catalog, gguf, safetensors, ollama, hf };

/// A file that the place a model comes from loads beside it: Ollama's projector and adapter layers.
struct Companion {
  /// What the file is.
  enum class Kind : std::uint8_t { projector, adapter };
  Kind kind = Kind::projector;
  std::string name;                            ///< Of the file.
  Bytes weights;                               ///< Of its tensors.
  std::shared_ptr<const Projector> projector;  ///< Set with Kind::projector.
  std::shared_ptr<const Adapter> adapter;      ///< Set with Kind::adapter.
};

/// Weights as a safetensors folder stores them, before any conversion to GGUF.
struct Checkpoint {
  /// One tensor, by its own name; the scales and biases of a quantized one are tensors as well.
  struct Stored {
    std::string name;
    std::string type;                 ///< As the header spells it: "BF16", "U32".
    std::vector<std::int64_t> shape;  ///< Slowest dimension first, as the header lists it.
    Bytes size;
  };
  std::vector<Stored> tensors;
  /// "BF16", or MLX's "4bit", "mxfp4"; empty when nothing says.
  std::string quantization;
  /// Bits and elements per group of MLX's `quantization` block; 0 = not quantized.
  std::int64_t bits = 0;
  std::int64_t group_size = 0;
  std::string mode;  ///< "affine", "mxfp4", ...
  /// Modules whose quantization differs from the block's, with the bits they have; 0 = none.
  std::vector<std::pair<std::string, std::int64_t>> overrides;

  /// Bytes of all tensors.
  [[nodiscard]] Bytes total() const;
};

/// A model as memory planning sees it: what each layer is and what it must remember.
struct Model {
  std::string id;            ///< As the user named it, or the catalog's id.
  std::string catalog_name;  ///< As the catalog was asked: whose upload it is may follow from it.
  std::string architecture;  ///< As GGUF `general.architecture`: "qwen2".
  std::string quantization;  ///< The file type by name ("Q4_K_M"); empty when not stated.
  ModelSource source = ModelSource::catalog;
  /// Weights as publishers count them: an output that copies the embedding once, no rotary tables,
  /// no layers for drafting. 0 = nobody counted; see parameters_of().
  std::int64_t parameters = 0;
  std::int64_t trained_context = 0;  ///< In tokens; 0 when the file does not say.
  std::int64_t embedding = 0;        ///< n_embd, in elements.
  std::int64_t vocabulary = 0;       ///< In tokens.
  /// attention.head_count and attention.head_count_kv as the file states them, the most and the
  /// fewest of any layer; 1 where nothing is stated. For runtimes that reckon with these instead of
  /// with the layers; the layers say what is true.
  std::int64_t stated_heads = 1;
  std::int64_t stated_kv_heads = 1;
  std::int64_t stated_layers = 0;  ///< block_count likewise.
  std::int64_t experts = 0;
  std::int64_t experts_used = 0;
  /// For rotary tables that depend on the context (longrope): beyond it the long table is used.
  std::int64_t original_context = 0;
  NormKind norm = NormKind::rms;  ///< Of the output.
  /// Blocks at the end of the file that only drafting uses (nextn_predict_layers): they count for
  /// --gpu-layers, but are not loaded.
  std::int64_t draft_layers = 0;
  bool draft_cached = false;  ///< They get a cache like the last layer's all the same.
  /// Whether the engine has a graph that drafts with them (llama-model.cpp, build_arch_graph).
  bool drafts = false;
  /// Whether its recurrent states can be taken back by some tokens (llama-arch.cpp,
  /// llm_arch_supports_rs_rollback).
  bool rolls_back = false;
  bool embedding_scaled = false;  ///< The token embedding is multiplied by a constant.
  bool output_scaled = false;     ///< The output's norm is multiplied by a constant (minicpm3).
  bool logits_scaled = false;     ///< The logits are multiplied by a constant.
  bool logits_capped = false;     ///< ... or pass a scaled tanh (gemma).
  /// Rows nobody asked for are dropped after the last layer instead of inside it, and the hidden
  /// state before that is kept for a next-token block (gpt-oss).
  bool outputs_after_layers = false;
  bool outputs_after_norm = false;  ///< ... or even after the output norm (nemotron_h).
  bool flash_attention = true;      ///< False where the engine has none (grok).
  std::int64_t position_axes = 1;   ///< Positions per token: 4 with M-RoPE (Qwen-VL).
  /// Leading layers that each add another slice of the image embedding (Qwen3-VL); the token
  /// embedding is padded to as many slices.
  std::int64_t deepstack_layers = 0;
  std::int64_t hidden_copies = 1;  ///< Of the hidden state that layers update in turn (gemma3n).
  std::int64_t hidden_states = 1;  ///< Per token, with Residual::hyper_connected.
  std::int64_t sinkhorn_steps =
      0;  ///< How often the mix of these is normalised, by rows and columns.
  /// Elements of the embedding that every layer gets besides its input (gemma3n, gemma4's
  /// E-models).
  std::int64_t per_layer_width = 0;
  /// Tokens look back only. Where they see each other both ways, a batch is not limited by the
  /// context.
  bool causal = true;
  /// Keys and values of earlier batches are kept; encoders and diffusion models only ever look
  /// at the batch at hand.
  bool cached = true;
  /// There is an output matrix: `output.weight`, else the token embedding once more. Encoders
  /// have none.
  bool output_layer = true;
  bool logits = true;  ///< The graph ends in logits, not in embeddings.
  /// `token_embd_norm` follows the token embedding and belongs to the first layer (BERT, bloom).
  bool embedding_norm = false;
  /// A learned position is the first operand of its sum with the token embedding (BERT), not the
  /// second (gpt2).
  bool position_first = false;
  Pooling pooling = Pooling::none;  ///< What the file asks for in embedding mode.
  bool ranks_by_mean = false;       ///< Pooling::rank reads the mean, not one token (ModernBERT).
  bool rank_is_softmax = false;     ///< ... and ends in a softmax (Qwen3 rerankers).
  std::vector<Layer> layers;
  TensorTable tensors;
  /// What comes with the model, e.g. from Ollama's store. Not part of `tensors`.
  std::vector<Companion> companions;
  /// Set for a safetensors folder; `tensors` then is the GGUF that would be made from it.
  std::optional<Checkpoint> checkpoint;
  /// The context that the model's own settings ask for (a Modelfile's num_ctx), in tokens; it
  /// stands before the runtime's default. 0 = none.
  std::int64_t default_context = 0;
  /// Of the GGUF before its tensor data: what the file has, in the catalog an allowance
  /// (profiles/tokenizers.json); nothing = not known.
  Bytes header;
  Bytes beside;  ///< Of other data in the same file, such as a vision tower.
  /// Of layers for drafting in the same file that are loaded only when asked for (Ollama's MTP).
  Bytes drafting;
  /// Of the whole file, where one was read (of a split one the first header and all data); nothing
  /// where file_bytes() adds the others up.
  Bytes file;
  /// `general.architecture` of a file in a layout of Ollama's own, which Ollama translates while it
  /// loads and llama.cpp refuses (llama/compat, Ollama 0.33.0); everything else here is as
  /// translated. Empty: a file as llama.cpp has it.
  std::string ollama_architecture;
  /// Ollama changes some weights while it loads them, for which it reads the file instead of
  /// mapping it.
  bool ollama_transforms = false;
  /// The file that was named is known to have other types than these, but not which: its weights
  /// are an estimate.
  bool types_assumed = false;
  /// What a reader of a plan must know about how the model was read, one sentence each: data that
  /// a download still lacks, a conversion that was assumed.
  std::vector<std::string> notes;
  /// Set when the architecture is unknown: which key was not understood. Every part that
  /// rests on a guess is then marked `assumed`.
  std::string not_understood;
};

/// As JSON has it: "catalog", "gguf", "safetensors", "ollama", "hf".
[[nodiscard]] std::string_view to_string(ModelSource source);

/// Whether its weights are as MLX stores them: in a type that only MLX has, or in a folder of
/// safetensors that is in one already.
[[nodiscard]] bool is_mlx(const Model& model);

/// `general.architecture` as its file has it, for runtimes that go by that.
[[nodiscard]] const std::string& file_architecture(const Model& model);

/// What its GGUF has: all of it where one was read, else at least the header (an allowance in the
/// catalog), the tensors as they lie in the file and what else that file holds.
/// Throws Error{overflow}.
[[nodiscard]] Bytes file_bytes(const Model& model);

/// The count in the model, else what its tensors hold without rotary tables.
[[nodiscard]] std::int64_t parameters_of(const Model& model);

}  // namespace membudget
#pragma GCC visibility pop
