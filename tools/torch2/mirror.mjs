// @ts-check
// The Debian mirror that apt uses for this system, from its own configuration (man 5 sources.list: one-line files
// and deb822 files), so that nothing is fetched from anywhere else.

/** @typedef {{ uri: string, suites: string[], components: string[] }} Source */

/**
 * @param {string} text a *.list file
 * @returns {Source[]}
 */
export function parseOneLine(text) {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) return [];
    return [{ uri: match[1], suites: [match[2]], components: words(match[3] ?? "") }];
  });
}

/**
 * @param {string} text a *.sources file
 * @returns {Source[]}
 */
export function parseDeb822(text) {
  const withoutComments = text.replace(/^#.*\n?/gm, "");
  return withoutComments.split(/\n\s*\n/).flatMap((paragraph) => {
    /** @type {Record<string, string>} */
    const fields = {};
    for (const [, name, value] of paragraph.matchAll(/^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)/gm))
      if (name !== undefined && value !== undefined) fields[name.toLowerCase()] = value;
    if (/^\s*no\s*$/i.test(fields.enabled ?? "") || !words(fields.types ?? "").includes("deb")) return [];
    return words(fields.uris ?? "").map((uri) => ({
      uri,
      suites: words(fields.suites ?? ""),
      components: words(fields.components ?? ""),
    }));
  });
}

/** @param {string} text */
function words(text) {
  return text.split(/\s+/).filter(Boolean);
}

/**
 * The archive's own mirror: its address ends in "debian", it has main, and it is not the security archive.
 * @param {Source[]} sources
 */
export function debianMirror(sources) {
  return sources.find(
    ({ uri, suites, components }) =>
      /\/debian\/?$/.test(uri) &&
      components.includes("main") &&
      !suites.every((suite) => suite.includes("security")),
  )?.uri;
}
