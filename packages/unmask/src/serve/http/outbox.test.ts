import { describe, expect, it } from "vitest";
import { Outbox } from "./outbox.ts";

const newOutbox = (bound = 100) => {
  let cancelled = 0;
  const outbox = new Outbox({ bound, keepAlive: 60_000, onCancel: () => cancelled++ });
  return { outbox, cancelled: () => cancelled, reader: outbox.body.getReader() };
};

const textOf = ({ value }: { value?: Uint8Array | undefined }) => Buffer.from(value ?? []).toString();

describe("an outbox", () => {
  it("hands out what waits in one piece, in order, and ends behind it", async () => {
    const { outbox, reader } = newOutbox();
    expect(outbox.write("a")).toBe(true);
    outbox.write("b");
    expect(outbox.backlog).toBe(2);
    expect(textOf(await reader.read())).toBe("ab");
    expect(outbox.backlog).toBe(0);
    const next = reader.read();
    outbox.write("c");
    expect(textOf(await next)).toBe("c");
    outbox.write("d");
    outbox.end();
    expect(outbox.write("e")).toBe(false);
    expect(textOf(await reader.read())).toBe("d");
    expect((await reader.read()).done).toBe(true);
  });

  it("ends for a reader that waits already", async () => {
    const { outbox, reader } = newOutbox();
    const next = reader.read();
    outbox.end();
    expect((await next).done).toBe(true);
  });

  it("breaks off above its bound, counted in bytes", async () => {
    const { outbox, reader } = newOutbox(5);
    expect(outbox.write("ééx")).toBe(true);
    expect(outbox.write("y")).toBe(false);
    await expect(reader.read()).rejects.toThrow(/too slowly/);
  });

  it("tells who left, once, and takes nothing more", async () => {
    const { outbox, reader, cancelled } = newOutbox();
    outbox.write("a");
    await reader.cancel();
    expect(cancelled()).toBe(1);
    expect(outbox.write("b")).toBe(false);
  });
});
