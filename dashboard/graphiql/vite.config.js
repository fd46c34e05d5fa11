// Turns src/ and the npm packages into hashed files that a strict content security policy lets run.
import { defineConfig } from 'vite';
import { compressed } from './compressed.js';

export default defineConfig({
  base: '/graphiql/',
  build: {
    outDir: '../static/graphiql',
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'], // they know light-dark()
    assetsInlineLimit: 0, // workers, icons and fonts stay files: the policy allows no blob:
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 8000,
    license: { fileName: 'licenses.md' },
  },
  worker: { format: 'es' },
  plugins: [compressed()],
});
