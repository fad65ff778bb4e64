import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "@longshore/ui/tokens.css";
import "@longshore/ui/base.css";
import "./styles/shell.css";
import "./styles/lists.css";
import "./styles/details.css";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { startFeed } from "./world/feed.ts";
import { startMeters } from "./world/meters.ts";

startFeed();
startMeters();
const root = document.getElementById("root");
if (root !== null) createRoot(root).render(<App />);
