// Which files of a repository are wanted: a function of the name, or shell patterns as huggingface_hub's
// `allow_patterns` takes them ("*" also matches "/", and "folder/" means everything below it).

export type Wanted = ((name: string) => boolean) | readonly string[];

export function matcher(wanted: Wanted | undefined): (name: string) => boolean {
  if (wanted === undefined) return () => true;
  if (typeof wanted === "function") return wanted;
  const expressions = wanted.map(toExpression);
  return (name) => expressions.some((expression) => expression.test(name));
}

/** Names without a wildcard: the only ones of which one knows that they are missing when there is no listing. */
export function plainNames(wanted: Wanted | undefined): string[] {
  if (wanted === undefined || typeof wanted === "function") return [];
  return wanted.filter((pattern) => !/[*?[]/.test(pattern) && !pattern.endsWith("/"));
}

function toExpression(pattern: string): RegExp {
  const whole = pattern.endsWith("/") ? `${pattern}*` : pattern;
  const parts = whole.match(/\[!?\]?[^\]]*\]|[\s\S]/g) ?? [];
  const translate = (part: string) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (part.length === 1) return part.replace(/[.*+?^${}()|[\]\\/-]/, "\\$&");
    const inside = part.slice(1, -1).replace(/[\\\]^]/g, "\\$&");
    return inside.startsWith("!") ? `[^${inside.slice(1)}]` : `[${inside}]`;
  };
  return new RegExp(`^${parts.map(translate).join("")}$`, "s");
}
