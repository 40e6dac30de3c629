// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

constexpr std::array<std::pair<std::string_view, When>, 9> conditions{{
    {"always", When::always},
    {"grouped_heads", When::grouped_heads},
    {"grouped_heads_or_experts", When::grouped_heads_or_experts},
    {"first_2", When::first_2},
    {"first_4", When::first_4},
    {"first_eighth", When::first_eighth},
    {"first_sixteenth", When::first_sixteenth},
    {"middle", When::middle},
    {"more_bits", When::more_bits},
}};

When take_condition(Fields& fields) {
  const std::string text =
      fields.one_of("when", {"always", "grouped_heads", "grouped_heads_or_experts", "first_2",
                             "first_4", "first_eighth", "first_sixteenth", "middle", "more_bits"});
  const auto* found = std::find_if(conditions.begin(), conditions.end(),
                                   [&](const auto& entry) { return entry.first == text; });
  return found == conditions.end() ? When::never : found->second;
}

Rule take_rule(Fields& fields, std::string_view key) {
  std::vector<Fields> steps = fields.objects(key);
  if (steps.size() > most_steps) {
    fields.fail(key, fmt::format("has {} steps; at most {} are read", steps.size(), most_steps));
    steps.clear();
  }
  Rule out = {};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    out[i].when = take_condition(steps[i]);
    out[i].type = take_element_type(steps[i], "type");
    steps[i].finish();
  }
  return out;
}

/// No steps when the key is missing.
Rule take_optional_rule(Fields& fields, std::string_view key) {
  return fields.has_optional(key) ? take_rule(fields, key) : Rule{};
}

std::optional<Rule> take_rule_or_none(Fields& fields, std::string_view key) {
  return fields.has_optional(key) ? std::optional(take_rule(fields, key)) : std::nullopt;
}

bool flag_or_not(Fields& fields, std::string_view key) {
  return fields.has_optional(key) && fields.flag(key);
}

/// The members of `key`, or of nothing where it is missing.
template <class Read>
void read_optional(Fields& fields, std::string_view key, const Read& read) {
  if (!fields.has_optional(key)) {
    return;
  }
  Fields inner = fields.object(key);
  read(inner);
  inner.finish();
}

FileType take_file_type(Fields& fields) {
  FileType out;
  static_cast<void>(fields.whole_or_none("file_type", 0));
  out.base = take_element_type(fields, "base");
  // What is not quantized has one type for all matrices.
  out.output = fields.has_optional("output") || format_of(out.base).quantized
                   ? take_element_type(fields, "output")
                   : out.base;
  if (fields.has_optional("token_embd")) {
    out.token_embd = take_element_type(fields, "token_embd");
  }
  read_optional(fields, "mix", [&](Fields& mix) {
    out.mix.attn_q = take_optional_rule(mix, "attn_q");
    out.mix.attn_k = take_optional_rule(mix, "attn_k");
    out.mix.attn_v = take_optional_rule(mix, "attn_v");
    out.mix.attn_output = take_optional_rule(mix, "attn_output");
    out.mix.ffn_down = take_optional_rule(mix, "ffn_down");
    out.mix.ffn_gate_up = take_optional_rule(mix, "ffn_gate_up");
  });
  read_optional(fields, "with_matrix", [&](Fields& rules) {
    out.attn_v_with_matrix = take_rule_or_none(rules, "attn_v");
    out.ffn_down_with_matrix = take_rule_or_none(rules, "ffn_down");
  });
  read_optional(fields, "falcon", [&](Fields& rules) {
    out.falcon_attn_output = take_optional_rule(rules, "attn_output");
    out.falcon_ffn_down = take_rule_or_none(rules, "ffn_down");
  });
  read_optional(fields, "eight_experts", [&](Fields& rules) {
    out.eight_experts_attn_output = take_optional_rule(rules, "attn_output");
    out.eight_experts_ffn_down = take_rule_or_none(rules, "ffn_down");
  });
  out.needs_matrix = flag_or_not(fields, "needs_matrix");
  out.lowest_bits = flag_or_not(fields, "lowest_bits");
  out.experts_only = flag_or_not(fields, "experts_only");
  out.named = take_named_types(fields, "tensors");
  return out;
}

std::optional<ElementType> mlx_type(std::string_view mode, std::int64_t bits, std::int64_t group) {
  if (mode == "none") {
    return bits == 16 && group == 1 ? std::optional(ElementType::bf16) : std::nullopt;
  }
  if (mode == "affine") {
    const auto type = element_type_of_name(fmt::format("{}bit-g{}", bits, group));
    return type;
  }
  const std::int64_t wanted_group = mode == "nvfp4" ? 16 : 32;
  const std::int64_t wanted_bits = mode == "mxfp8" ? 8 : 4;
  if (group != wanted_group || bits != wanted_bits) {
    return std::nullopt;
  }
  return element_type_of_name(mode);
}

MlxFormat take_mlx_format(Fields& fields) {
  MlxFormat out;
  const std::string mode = fields.one_of("mode", {"affine", "mxfp4", "mxfp8", "nvfp4", "none"});
  const std::int64_t bits = fields.whole("bits", 1);
  const std::int64_t group = fields.whole("group_size", 1);
  const auto type = mlx_type(mode, bits, group);
  if (!type && fields.sound({"mode", "bits", "group_size"})) {
    fields.fail("bits", fmt::format("MLX has no {} bits in groups of {} in mode '{}'; affine knows "
                                    "2, 3, 4, 5, 6 and 8 bits in groups of 32, 64 and 128",
                                    bits, group, mode));
  }
  out.type = type.value_or(ElementType::bf16);
  if (const auto high = fields.whole_or_none("high_bits", 1)) {
    out.high = mlx_type(mode, *high, group);
    if (!out.high && fields.sound({"high_bits", "mode", "group_size"})) {
      fields.fail("high_bits", fmt::format("MLX has no {} bits in groups of {} in mode '{}'", *high,
                                           group, mode));
    }
  }
  return out;
}

constexpr std::array<std::pair<std::string_view, ElementType>, 3> floats_by_name{
    {{"f16", ElementType::f16}, {"bf16", ElementType::bf16}, {"f32", ElementType::f32}}};

ElementType take_floats(Fields& fields) {
  const std::string text = fields.one_of("floats", {"f16", "bf16", "f32"});
  const auto* found = std::find_if(floats_by_name.begin(), floats_by_name.end(),
                                   [&](const auto& entry) { return entry.first == text; });
  return found == floats_by_name.end() ? ElementType::f16 : found->second;
}

/// Without "bits" matrices are floats as well.
GroupedFormat take_grouped_format(Fields& fields, GroupedFormat::Writer writer) {
  GroupedFormat out;
  out.writer = writer;
  out.type = out.floats = take_floats(fields);
  if (fields.has_optional("bits")) {
    const std::int64_t bits = fields.whole("bits", 1);
    const std::int64_t group = fields.whole("group_size", 1);
    const auto type = element_type_of_name(
        fmt::format("INT{}-G{}{}", bits, group, out.floats == ElementType::f32 ? "-F32" : ""));
    if (!type && fields.sound({"floats", "bits", "group_size"})) {
      fields.fail("bits",
                  fmt::format("{} bits in groups of {} are not known; known are 4 in groups "
                              "of 32 and, beside 16-bit floats, 3 in groups of 40",
                              bits, group));
    }
    out.type = type.value_or(out.floats);
  }
  return out;
}

}  // namespace

ElementType take_element_type(Fields& fields, std::string_view key) {
  const std::string text = fields.text(key);
  const auto type = element_type_of_name(text);
  if (fields.sound({key}) && (!type || format_of(*type).name != text)) {
    fields.fail(key,
                fmt::format("'{}' is not a tensor type; write one as llama.cpp prints it, such "
                            "as F16, Q8_0 or Q4_K",
                            text));
  }
  return type.value_or(ElementType::f32);
}

std::vector<NamedType> take_named_types(Fields& fields, std::string_view key) {
  std::vector<NamedType> out;
  read_optional(fields, key, [&](Fields& types) {
    for (const auto& [name, ignored] : types.members()) {
      out.push_back({name, take_element_type(types, name)});
    }
  });
  return out;
}

QuantizationProfile decode_quantization(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  QuantizationProfile out;
  out.id = take_header(fields, "membudget.quantization/1");
  out.name = fields.text("name");
  out.aliases = fields.texts_or_none("aliases");
  out.summary = fields.text("summary");
  const std::string format = fields.one_of("format", {"gguf", "mlx", "mlc", "coreml"});
  if (format == "mlx") {
    MlxFormat mlx = take_mlx_format(fields);
    mlx.name = out.name;
    out.quantization = std::move(mlx);
  } else if (format == "gguf") {
    FileType file_type = take_file_type(fields);
    file_type.name = out.name;
    out.quantization = std::move(file_type);
  } else if (format == "mlc" || format == "coreml") {
    GroupedFormat grouped = take_grouped_format(
        fields, format == "mlc" ? GroupedFormat::Writer::mlc : GroupedFormat::Writer::core_ml);
    grouped.name = out.name;
    out.quantization = std::move(grouped);
  } else {
    static_cast<void>(fields.members());  // Without a format no other member can be judged.
  }
  static_cast<void>(fields.some_texts("sources"));
  static_cast<void>(fields.texts_or_none("notes"));
  fields.finish();
  return out;
}

}  // namespace membudget
