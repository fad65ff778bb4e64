/** How well `query` fits `text` as letters in order; 0 is no fit. Starts of words and runs count more. */
export function fuzzyScore(query: string, text: string): number {
  if (query === "") return 1;
  const wanted = query.toLowerCase();
  const inside = text.toLowerCase();
  const whole = inside.indexOf(wanted);
  if (whole >= 0) return 1000 - whole + (whole === 0 ? 500 : 0) - inside.length * 0.1;
  let score = 0;
  let at = -1;
  for (const letter of wanted) {
    const next = inside.indexOf(letter, at + 1);
    if (next < 0) return 0;
    score += next === at + 1 ? 6 : /[\s/:._-]/.test(inside[next - 1] ?? " ") ? 4 : 1;
    at = next;
  }
  return score - inside.length * 0.01;
}
