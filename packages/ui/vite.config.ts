import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig, type UserConfig } from "vite";

/** The gallery page: `npm run gallery` serves it, the journeys build it beside the window and look at it. */
const config: UserConfig = defineConfig({
  root: join(import.meta.dirname, "gallery"),
  base: "/gallery/",
  plugins: [react()],
  server: { host: "127.0.0.1" },
  build: {
    outDir: join(import.meta.dirname, "../../apps/main/dist/app/web/gallery"),
    emptyOutDir: true,
    target: "chrome130",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
export default config;
