import react from "@vitejs/plugin-react";
import { defineConfig, type UserConfig } from "vite";

/** The window's page. Fonts and images stay files: the content policy allows no data: fonts. */
const config: UserConfig = defineConfig({
  root: import.meta.dirname,
  base: "/",
  plugins: [react()],
  build: {
    outDir: "../main/dist/app/web",
    emptyOutDir: true,
    target: "chrome130",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
export default config;
