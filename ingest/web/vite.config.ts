import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

/** The centre that a page under development asks. */
const CENTRE = process.env.FIREGRID_URL ?? "http://127.0.0.1:8080";

/** What the server that holds the page sends with it; the preview holds itself to the same. */
const POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
  "img-src 'self' data:", "font-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
].join("; ");

const proxy = { "/api": { target: CENTRE, changeOrigin: true } };

export default defineConfig({
  plugins: [vue()],
  // Relative, so that the page may stand at any path of any server.
  base: "./",
  define: {
    __VUE_OPTIONS_API__: "true",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    __VUE_I18N_LEGACY_API__: "false",
    __VUE_I18N_FULL_INSTALL__: "false",
    __INTLIFY_PROD_DEVTOOLS__: "false",
  },
  build: {
    target: "es2022",
    // Everything is a file of its own: an inlined one would need an exception in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    reportCompressedSize: false,
  },
  logLevel: "warn",
  server: { proxy },
  preview: { proxy, headers: { "Content-Security-Policy": POLICY } },
  test: { include: ["src/**/*.test.ts", "tests/**/*.test.ts"] },
});
