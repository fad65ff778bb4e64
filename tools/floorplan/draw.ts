import type { Plan } from "./plan.ts";

const begin = "<!-- floorplan:begin (drawn by `npm run docs`, don't edit) -->";
const end = "<!-- floorplan:end -->";

/** The page with the part between its two markers drawn anew; everything else stays as a person wrote it. */
export function drawInto(page: string, plan: Plan): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`floorplan: the page lacks the lines "${begin}" and "${end}"`);
  return `${page.slice(0, from)}${begin}\n\n${drawPlan(plan)}\n${page.slice(to)}`;
}

/** Storeys from the roof to the ground as a text drawing, then one table row for each room. */
export function drawPlan(plan: Plan): string {
  const rooms = Object.entries(plan.rooms);
  const storeys = [...new Set(rooms.map(([, room]) => room.storey))].sort((a, b) => b - a);
  const rows = storeys.map((storey) => ({
    label: String(storey),
    names: rooms.filter(([, room]) => room.storey === storey).map(([name]) => name),
  }));
  rows.unshift({ label: "top", names: [...plan.top.files] });
  const texts = rows.map((row) => row.names.join("   "));
  const width = Math.max(...texts.map((text) => text.length));
  const line = `      +${"-".repeat(width + 4)}+`;
  const drawing = rows.flatMap((row, index) => {
    const text = texts[index] ?? "";
    const left = Math.floor((width - text.length) / 2);
    return [
      `${row.label.padStart(4)}  |  ${" ".repeat(left)}${text}${" ".repeat(width - text.length - left)}  |`,
      line,
    ];
  });
  const table = rooms.map(
    ([name, room]) =>
      `| ${room.storey} | ${name} | ${room.promise} | ${room.imports.join(", ") || "nothing"} | ${room.types?.join(", ") ?? ""} | ${room.npm.join(", ")} |`,
  );
  return [
    "```",
    line,
    ...drawing,
    "```",
    "",
    "| storey | room | promise | imports | types of | npm |",
    "|---|---|---|---|---|---|",
    ...table,
    "",
  ].join("\n");
}
