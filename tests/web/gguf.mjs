// SPDX-License-Identifier: MIT
// A GGUF (version 3) of a small Llama whose vocabulary makes its header longer than a first piece.

const TYPES = { u32: 4, f32: 6, string: 8, array: 9, u64: 10 };
const F16 = 1;
const ALIGNMENT = 32;

class Writer {
  #parts = [];
  size = 0;

  bytes(buffer) {
    this.#parts.push(buffer);
    this.size += buffer.length;
    return this;
  }

  #number(length, write) {
    const buffer = Buffer.alloc(length);
    write(buffer);
    return this.bytes(buffer);
  }

  u32(value) { return this.#number(4, (buffer) => buffer.writeUInt32LE(value)); }
  u64(value) { return this.#number(8, (buffer) => buffer.writeBigUInt64LE(BigInt(value))); }
  f32(value) { return this.#number(4, (buffer) => buffer.writeFloatLE(value)); }
  string(text) { return this.u64(Buffer.byteLength(text)).bytes(Buffer.from(text)); }
  pad() { return this.bytes(Buffer.alloc((ALIGNMENT - (this.size % ALIGNMENT)) % ALIGNMENT)); }
  done() { return Buffer.concat(this.#parts); }
}

export function smallLlama({ layers = 4, width = 256, heads = 8, headsKv = 2, feedForward = 768, vocabulary = 60000, context = 8192 } = {}) {
  const metadata = [
    ["general.architecture", "string", "llama"], ["general.name", "string", "A small llama"], ["general.file_type", "u32", 1],
    ["llama.block_count", "u32", layers], ["llama.context_length", "u32", context], ["llama.embedding_length", "u32", width],
    ["llama.feed_forward_length", "u32", feedForward], ["llama.attention.head_count", "u32", heads], ["llama.attention.head_count_kv", "u32", headsKv],
    ["llama.attention.layer_norm_rms_epsilon", "f32", 1e-5], ["llama.rope.dimension_count", "u32", width / heads], ["llama.vocab_size", "u32", vocabulary],
    ["tokenizer.ggml.model", "string", "gpt2"],
  ];
  const widthKv = (width / heads) * headsKv;
  const tensors = [["token_embd.weight", [width, vocabulary]], ["output_norm.weight", [width], 0], ["output.weight", [width, vocabulary]]];
  for (let i = 0; i < layers; ++i) {
    tensors.push([`blk.${i}.attn_norm.weight`, [width], 0], [`blk.${i}.attn_q.weight`, [width, width]], [`blk.${i}.attn_k.weight`, [width, widthKv]],
      [`blk.${i}.attn_v.weight`, [width, widthKv]], [`blk.${i}.attn_output.weight`, [width, width]], [`blk.${i}.ffn_norm.weight`, [width], 0],
      [`blk.${i}.ffn_gate.weight`, [width, feedForward]], [`blk.${i}.ffn_up.weight`, [width, feedForward]], [`blk.${i}.ffn_down.weight`, [feedForward, width]]);
  }

  const out = new Writer();
  out.bytes(Buffer.from("GGUF")).u32(3).u64(tensors.length).u64(metadata.length + 1);
  for (const [key, type, value] of metadata) out.string(key).u32(TYPES[type])[type](value);
  out.string("tokenizer.ggml.tokens").u32(TYPES.array).u32(TYPES.string).u64(vocabulary);
  for (let i = 0; i < vocabulary; ++i) out.string(`token number ${i}`);
  let offset = 0;
  for (const [name, shape, type = F16] of tensors) {
    out.string(name).u32(shape.length);
    for (const length of shape) out.u64(length);
    out.u32(type).u64(offset);
    const size = shape.reduce((a, b) => a * b) * (type === F16 ? 2 : 4);
    offset += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
  }
  out.pad();
  const header = out.size;
  out.bytes(Buffer.alloc(offset));
  return { file: out.done(), header };
}
