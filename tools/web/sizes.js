// SPDX-License-Identifier: MIT
// Sizes as the program writes them: src/units.cpp, to_text(Bytes).

const KIB = 1024;
const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

export function sizeText(bytes) {
  const magnitude = Math.abs(bytes);
  if (magnitude >= GIB) return `${(bytes / GIB).toFixed(2)} GiB`;
  if (magnitude >= MIB) return `${(bytes / MIB).toFixed(1)} MiB`;
  if (magnitude >= KIB) return `${(bytes / KIB).toFixed(1)} KiB`;
  return `${bytes} B`;
}

/** "32k", "1M" for axes; contexts that are no whole number of 1024 stay as they are. */
export function tokensText(tokens) {
  if (tokens >= 1048576 && tokens % 1048576 === 0) return `${tokens / 1048576}M`;
  if (tokens >= 1024 && tokens % 1024 === 0) return `${tokens / 1024}k`;
  return String(tokens);
}

/** The positions of the context slider: four to an octave, and the model's trained length. */
export function contextSteps(least, most) {
  const out = [];
  for (let octave = 256; octave <= most; octave *= 2) {
    for (const quarter of [4, 5, 6, 7]) {
      const tokens = (octave * quarter) / 4;
      if (tokens >= least && tokens < most) out.push(tokens);
    }
  }
  out.push(most);
  return out;
}
