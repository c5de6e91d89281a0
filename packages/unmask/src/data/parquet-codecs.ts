// Taking apart the pages of Parquet files, never to more bytes than they say.

import * as zlib from "node:zlib";
import { snappyUncompress } from "hyparquet";
import { Damaged } from "./thrift.ts";

type Decompress = (bytes: Uint8Array, size: number) => Uint8Array;

/** In Node 22.15 and newer. */
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: typeof zlib.brotliDecompressSync };

const limit = (size: number) => ({ maxOutputLength: Math.max(1, size) });

export const codecs: Readonly<Record<string, Decompress>> = {
  UNCOMPRESSED: (bytes) => bytes,
  SNAPPY: (bytes, size) => {
    // Three bytes stand for 64 at most.
    if (size > 32 * bytes.length + 64) throw new Damaged("a page has another size than it says");
    const result = new Uint8Array(size);
    snappyUncompress(bytes, result);
    return result;
  },
  GZIP: (bytes, size) => zlib.gunzipSync(bytes, limit(size)),
  BROTLI: (bytes, size) => zlib.brotliDecompressSync(bytes, limit(size)),
  ...(zstdDecompressSync === undefined
    ? {}
    : { ZSTD: (bytes: Uint8Array, size: number) => zstdDecompressSync(bytes, limit(size)) }),
};

export function decompress(codec: string, bytes: Uint8Array, size: number): Uint8Array {
  try {
    return codecs[codec]!(bytes, size);
  } catch (error) {
    throw error instanceof Damaged ? error : new Damaged("a page's compressed data are damaged");
  }
}
