import { Anchor, Boxes, HardDrive, Layers, Network, Trash2 } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { useWorld } from "../world/store.ts";
import { go, pagesOf, printRoute, type Page } from "./routes.ts";

const looks: Readonly<Record<Page, { readonly label: string; readonly icon: ReactNode }>> = {
  containers: { label: "Containers", icon: <Boxes size={18} /> },
  images: { label: "Images", icon: <Layers size={18} /> },
  volumes: { label: "Volumes", icon: <HardDrive size={18} /> },
  networks: { label: "Networks", icon: <Network size={18} /> },
  trash: { label: "Trash", icon: <Trash2 size={18} /> },
  engine: { label: "Engine", icon: <Anchor size={18} /> },
};

export function pageLabel(page: Page): string {
  return looks[page].label;
}

export function Rail({ page }: { readonly page: Page }): ReactElement {
  const running = useWorld((world) => world.containers.filter((row) => row.State === "running").length);
  const engine = useWorld((world) => world.engine);
  return (
    <nav className="rail" aria-label="Pages" data-pane>
      {pagesOf(engine).map((one, at) => (
        <a
          key={one}
          className={one === "engine" ? "last" : ""}
          href={printRoute({ page: one })}
          aria-current={one === page ? "page" : undefined}
          title={`${looks[one].label} (Ctrl+${at + 1})`}
          onClick={(event) => {
            event.preventDefault();
            go({ page: one });
          }}
        >
          {looks[one].icon}
          <span>{looks[one].label}</span>
          {one === "containers" && running > 0 && <span className="rail-count">{running}</span>}
        </a>
      ))}
    </nav>
  );
}
