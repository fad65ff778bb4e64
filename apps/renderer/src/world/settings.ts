import type { Settings } from "@longshore/protocol";
import { call } from "../bridge/bridge.ts";
import { useWorld } from "./store.ts";

/** Writes the window's settings and shows them. */
export async function saveSettings(change: Partial<Settings>): Promise<void> {
  useWorld.setState({ settings: await call("settings.write", change) });
}
