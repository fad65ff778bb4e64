import "../src/tokens.css";
import "../src/base.css";
import "./gallery.css";
import { Play, Trash2 } from "lucide-react";
import { useState, type ReactElement, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import {
  Button,
  CheckField,
  Dialog,
  EmptyState,
  formatAge,
  formatBytes,
  formatMode,
  formatPercent,
  IconButton,
  LinesField,
  SelectField,
  Sparkline,
  Splitter,
  StackGlyph,
  StateMark,
  TabPanel,
  Tabs,
  TextField,
  type Shape,
  type Tone,
} from "../src/index.ts";

const states: readonly (readonly [Tone, Shape, string])[] = [
  ["running", "filled", "Running"],
  ["running", "tick", "Healthy"],
  ["warn", "half", "Starting"],
  ["warn", "bars", "Paused"],
  ["bad", "triangle", "Unhealthy"],
  ["bad", "cross", "Exited 3"],
  ["idle", "hollow", "Exited"],
  ["info", "dashed", "Created"],
  ["idle", "question", "Unknown"],
];
const tokens =
  "canvas surface raised sunken line control accent accent-soft running warn bad idle info wet".split(" ");

/** Every primitive in every look, on one page: for the eye, and for the accessibility check. */
function Gallery(): ReactElement {
  const [tab, setTab] = useState<"one" | "two">("one");
  const [share, setShare] = useState(40);
  const [hasDialog, setDialog] = useState(false);
  return (
    <main className="gallery">
      <h1>Gallery</h1>
      <Part title="Colours">
        {tokens.map((token) => (
          <span key={token} className="swatch">
            <i style={{ background: `var(--${token})` }} />
            {token}
          </span>
        ))}
      </Part>
      <Part title="Type">
        <span className="label">Label 11/16</span>
        <span className="note">Note 12/16</span>
        <span>Base 13/20, 0123456789</span>
        <span className="strong">Strong</span>
        <code>mono rw-r--r-- 12.5/18</code>
        <span className="quiet">quiet</span>
        <span className="dim">dim</span>
        <span className="chip">chip</span>
        <kbd>Ctrl+K</kbd>
      </Part>
      <Part title="Buttons">
        <Button look="primary">Primary</Button>
        <Button>Plain</Button>
        <Button look="danger">Remove</Button>
        <Button aria-pressed>Pressed</Button>
        <Button disabled>Disabled</Button>
        <Button className="small">Small</Button>
        <IconButton label="Start" keyName="S">
          <Play size={14} />
        </IconButton>
        <Button onClick={() => setDialog(true)}>
          <Trash2 size={14} /> A dialog…
        </Button>
      </Part>
      <Part title="States">
        {states.map(([tone, shape, word]) => (
          <StateMark key={word} tone={tone} shape={shape} word={word} />
        ))}
      </Part>
      <Part title="Waterlines">
        {[0, 2_000, 600_000, 900_000_000].map((bytes, at) => (
          <StackGlyph
            key={bytes}
            strata={at * 2 + 1}
            wetBytes={bytes}
            label={`${at * 2 + 1} layers, ${formatBytes(bytes)} written`}
          />
        ))}
      </Part>
      <Part title="Numbers">
        <Sparkline values={[1, 4, 2, 8, 5, 9, 3]} />
        <span className="number">{formatPercent(12.34)}</span>
        <span className="number">{formatBytes(1_234_567)}</span>
        <span className="number">{formatAge(0, 7_200_000)}</span>
        <code>{formatMode(0o754)}</code>
        <div className="bar wide" role="progressbar" aria-label="Progress" aria-valuenow={60}>
          <i style={{ width: "60%" }} />
        </div>
      </Part>
      <Part title="Fields">
        <TextField label="Text" placeholder="placeholder" hint="A hint." />
        <TextField label="Faulty" defaultValue="lots" fault="Write 64m or 1.5g." />
        <LinesField label="Lines" hint="one a line" />
        <SelectField label="Choice">
          <option>never</option>
        </SelectField>
        <CheckField label="A check" defaultChecked />
      </Part>
      <Part title="Notices">
        <div className="notice" role="alert">
          <strong>It failed</strong>
          <span className="quiet">“in its own words”</span>
          <Button>The next step</Button>
        </div>
        <div className="notice" data-tone="info">
          <strong>Good to know</strong>
        </div>
      </Part>
      <Part title="Tabs and panes">
        <div className="frame">
          <Tabs
            label="Tabs"
            choices={[
              { id: "one", label: "One" },
              { id: "two", label: "Two" },
            ]}
            value={tab}
            onChoose={setTab}
          />
          <TabPanel label={tab}>
            <div className="panes" style={{ gridTemplateColumns: `${share}% 1px 1fr` }}>
              <span>{tab}</span>
              <Splitter label="Width" value={share} least={20} most={80} onChange={setShare} />
              <span>{share} %</span>
            </div>
          </TabPanel>
        </div>
      </Part>
      <Part title="Empty">
        <EmptyState title="Nothing here yet" action={<Button look="primary">Begin</Button>}>
          Why it is empty, and the one thing to do.
        </EmptyState>
      </Part>
      {hasDialog && (
        <Dialog
          title="A dialog"
          onClose={() => setDialog(false)}
          foot={<Button onClick={() => setDialog(false)}>Close</Button>}
        >
          <p>Focus stays inside, Escape closes, and the focus returns.</p>
        </Dialog>
      )}
    </main>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }): ReactElement {
  return (
    <section className="part">
      <h2>{title}</h2>
      <div className="part-row">{children}</div>
    </section>
  );
}

const root = document.getElementById("root");
if (root !== null) createRoot(root).render(<Gallery />);
