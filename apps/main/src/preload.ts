import { contextBridge, ipcRenderer } from "electron";
import { bridgeChannels, type Answer, type WindowBridge } from "@longshore/protocol";

const bridge: WindowBridge = {
  platform: process.platform,
  call: async (name, args) => (await ipcRenderer.invoke(bridgeChannels.call, name, args)) as Answer<never>,
  openStream: async (name, args, id) =>
    (await ipcRenderer.invoke(bridgeChannels.open, name, args, id)) as Answer<null>,
};

// A port cannot pass the context bridge; the window's own message event takes it over.
ipcRenderer.on(bridgeChannels.port, (event, id: string) => {
  window.postMessage({ longshorePort: id }, window.location.origin, event.ports);
});

contextBridge.exposeInMainWorld("longshore", bridge);
