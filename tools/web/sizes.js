// SPDX-License-Identifier: MIT
// Sizes as the program writes them: src/units.cpp, to_text(Bytes).

const KIB = 1024;
const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** As C++ rounds: toFixed() takes a half away from zero, that takes it to the even digit. */
function fixed(value, digits) {
  const scaled = value * 10 ** digits;
  const half = Math.abs(scaled % 1) === 0.5;
  return half ? ((2 * Math.round(scaled / 2)) / 10 ** digits).toFixed(digits) : value.toFixed(digits);
}

export function sizeText(bytes) {
  const magnitude = Math.abs(bytes);
  if (magnitude >= GIB) return `${fixed(bytes / GIB, 2)} GiB`;
  if (magnitude >= MIB) return `${fixed(bytes / MIB, 1)} MiB`;
  if (magnitude >= KIB) return `${fixed(bytes / KIB, 1)} KiB`;
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
