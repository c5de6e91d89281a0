// The published clean-up of LLaDA's code answers (d3LLM's evaluation): the longest run of whole lines that is valid
// Python, of the first hundred lines; of that, imports, and the definitions that the entry point reaches (and those
// that the tests name, without which HumanEval/50 could not be passed). Python's own parser is needed, so this is a
// program around the answer that runs in the sandbox with it.

import { Buffer } from "node:buffer";

const cleaner = (encoded: string, roots: readonly string[]): string => String.raw`
def _clean(text, roots):
    import ast
    lines = text.split("\n")[:100]

    def valid(first, last):
        try:
            return ast.parse("\n".join(lines[first:last]))
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None

    def longest():
        for size in range(len(lines), 0, -1):
            for first in range(len(lines) - size + 1):
                if lines[first].strip() and lines[first + size - 1].strip():
                    tree = valid(first, first + size)
                    if tree is not None:
                        return tree
        return ast.parse("")

    def names(node):
        found = [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
        return found + [one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)]

    kept, defined = [], {}
    for node in longest().body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.setdefault(node.name, []).append(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for one in ast.walk(target):
                    if isinstance(one, ast.Name):
                        defined.setdefault(one.id, []).append(node)
        elif not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        kept.append(node)
    reached, waiting = set(), roots.split()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(other for node in defined.get(name, []) for other in names(node))
    wanted = {id(node) for name in reached for node in defined.get(name, [])}
    body = [one for one in kept if isinstance(one, (ast.Import, ast.ImportFrom)) or id(one) in wanted]
    return compile(ast.Module(body=body, type_ignores=[]), "<answer>", "exec")


exec(_clean(__import__("base64").b64decode("${encoded}").decode("utf-8"), "${roots.join(" ")}"))
del _clean
`;

/** A program that cleans this code and then runs it. */
export function keepReachable(code: string, tests: string): string {
  const names = new Set(tests.match(/\b[A-Za-z_]\w*\b/g));
  return cleaner(Buffer.from(code).toString("base64"), [...names]);
}
