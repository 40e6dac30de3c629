// SPDX-License-Identifier: MIT
// The header of a .gguf from this computer: pieces of growing length until the core has enough.

const FIRST_PIECE = 1 << 20;

// Headers hold a vocabulary, some 10 MB at most; what asks for more is broken or no model.
const LARGEST_HEADER = 256 << 20;

/** `read(head)` until it needs no more bytes; what it throws then is the file's fault. */
export async function readHeader(file, read) {
  let size = Math.min(FIRST_PIECE, file.size);
  for (;;) {
    const head = new Uint8Array(await file.slice(0, size).arrayBuffer());
    try {
      return await read(head);
    } catch (error) {
      const wanted = Math.min(error.needsBytes ?? 0, file.size);
      if (wanted <= size || size >= LARGEST_HEADER) throw error;
      size = Math.min(wanted, LARGEST_HEADER);
    }
  }
}
