import type { AboutApp, EngineInfo, EngineVersion, Settings } from "@longshore/protocol";
import { CheckField, formatBytes, SelectField } from "@longshore/ui";
import { useEffect, useState, type ReactElement } from "react";
import { call } from "../bridge/bridge.ts";
import { saveSettings } from "../world/settings.ts";
import { useWorld } from "../world/store.ts";
import { Failure } from "./failure.tsx";

/** What runs behind the window, how it started, and how the window looks. */
export function EnginePage(): ReactElement {
  const engine = useWorld((world) => world.engine);
  const settings = useWorld((world) => world.settings);
  const [about, setAbout] = useState<{ readonly info: EngineInfo; readonly version: EngineVersion }>();
  const [app, setApp] = useState<AboutApp>();
  const [failure, setFailure] = useState<unknown>();
  useEffect(() => {
    call("engine.info", {}).then(setAbout, setFailure);
    void call("app.about", {}).then(setApp);
  }, [engine?.phase]);
  return (
    <section className="list" aria-label="Engine" data-pane>
      <header className="toolbar">
        <h1>Engine</h1>
      </header>
      <div className="pad stack scroller engine-page">
        {failure !== undefined && <Failure what="Couldn’t ask the engine" error={failure} />}
        {engine?.isLongshore === false && (
          <div className="notice" data-tone="info">
            <strong>This is not Longshore’s own engine</strong>
            <span>What only ours can do (files of layers, the starter image) is hidden.</span>
          </div>
        )}
        {about !== undefined && (
          <dl className="facts card">
            <dt>Engine</dt>
            <dd>
              {about.version.Version}, API {about.version.ApiVersion}
            </dd>
            <dt>Window</dt>
            <dd>{app?.version}</dd>
            <dt>Listens at</dt>
            <dd className="mono">{engine?.endpoint}</dd>
            <dt>Started by</dt>
            <dd>
              {engine?.isOurs === true
                ? "this window; it stays when the window closes"
                : "somebody else; this window joined"}
            </dd>
            <dt>Data</dt>
            <dd className="mono">{about.info.DockerRootDir}</dd>
            <dt>Host</dt>
            <dd>
              {about.info.OperatingSystem}, kernel {about.info.KernelVersion}, {about.info.NCPU} CPUs,{" "}
              {formatBytes(about.info.MemTotal)} memory
            </dd>
            <dt>Layers</dt>
            <dd>{about.info.Driver}</dd>
          </dl>
        )}
        <section className="card">
          <h3>Window</h3>
          <div className="stack">
            <div className="two">
              <SelectField
                label="Theme"
                value={settings.theme}
                onChange={(event) => void saveSettings({ theme: event.target.value as Settings["theme"] })}
              >
                <option value="system">as the system</option>
                <option value="light">light</option>
                <option value="dark">dark</option>
              </SelectField>
              <SelectField
                label="Rows"
                value={settings.density}
                onChange={(event) =>
                  void saveSettings({ density: event.target.value as Settings["density"] })
                }
              >
                <option value="compact">compact</option>
                <option value="default">default</option>
                <option value="roomy">roomy</option>
              </SelectField>
            </div>
            <CheckField
              label="Stay in the tray when the window closes"
              checked={settings.staysInTray && app?.hasTrayHost === true}
              disabled={app?.hasTrayHost !== true}
              onChange={(event) => void saveSettings({ staysInTray: event.target.checked })}
            />
            {app?.hasTrayHost === false && (
              <p className="dim note">
                This desktop shows no tray icons: closing the window ends it. The engine stays either way.
              </p>
            )}
          </div>
        </section>
      </div>
    </section>
  );
}
