// Turns every built asset worth it into a .br and a .gz beside it, so that the server never compresses.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const PAYS_FROM_BYTES = 1024;
const TEXT = /\.(js|css|svg|json)$/;

const encoders = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  gz: (bytes) => promisify(gzip)(bytes, { level: 9 }),
};

async function compress(path) {
  const bytes = await readFile(path);
  if (bytes.length < PAYS_FROM_BYTES) return;
  for (const [suffix, encode] of Object.entries(encoders)) await writeFile(`${path}.${suffix}`, await encode(bytes));
}

export function compressed() {
  let folder;
  return {
    name: 'kilowatch-compressed',
    apply: 'build',
    configResolved: (config) => {
      folder = resolve(config.root, config.build.outDir, config.build.assetsDir);
    },
    writeBundle: async () => {
      const names = await readdir(folder);
      await Promise.all(names.filter((name) => TEXT.test(name)).map((name) => compress(join(folder, name))));
    },
  };
}
