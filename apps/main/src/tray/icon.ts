import { nativeImage, type NativeImage } from "electron";

const SIZE = 32;
/** Rows of the picture from top to bottom: the written part, a gap, three strata. */
const BANDS: readonly { readonly from: number; readonly to: number; readonly color: number }[] = [
  { from: 3, to: 8, color: 0xf0_8b_aa },
  { from: 10, to: 15, color: 0xa6_d2_dd },
  { from: 17, to: 22, color: 0x7a_aa_b6 },
  { from: 24, to: 29, color: 0x3d_7f_90 },
];

/** The waterline as a tray icon, drawn here so that no picture file is shipped. */
export function trayIcon(): NativeImage {
  const pixels = Buffer.alloc(SIZE * SIZE * 4);
  for (const { from, to, color } of BANDS)
    for (let y = from; y < to; y++)
      for (let x = 3; x < SIZE - 3; x++) {
        const at = (y * SIZE + x) * 4;
        // Electron's bitmaps are BGRA.
        pixels.writeUIntLE(color, at, 3);
        pixels[at + 3] = 255;
      }
  return nativeImage.createFromBitmap(pixels, { width: SIZE, height: SIZE, scaleFactor: 2 });
}
