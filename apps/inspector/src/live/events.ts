// Server-sent events out of the pieces in which they arrive.

export interface ServerEvent {
  /** "message" where none is named. */
  readonly name: string;
  readonly data: string;
}

export class EventReader {
  private rest = "";

  /** The events that became whole with this piece. */
  push(piece: string): ServerEvent[] {
    const parts = (this.rest + piece).split(/\r?\n\r?\n/);
    this.rest = parts.pop() ?? "";
    return parts.flatMap(eventOf);
  }
}

function eventOf(block: string): ServerEvent[] {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field = "", value = ""] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  return data.length === 0 ? [] : [{ name, data: data.join("\n") }];
}
