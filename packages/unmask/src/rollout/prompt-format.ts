// A prompt of data as a generation takes it.

import type { Prompt } from "../generate/events.ts";
import type { Model } from "../generate/load.ts";
import type { RolloutPrompt } from "./prompts.ts";

/** A text becomes a user's message if that is asked for, or if the model comes with a template. */
export function asPrompt(
  prompt: RolloutPrompt["prompt"],
  format: "auto" | "chat" | "raw",
  { template }: Pick<Model, "template">,
): Prompt {
  if (typeof prompt !== "string") return prompt;
  const isChat = format === "auto" ? template?.kind === "jinja" : format === "chat";
  return isChat ? [{ role: "user", content: prompt }] : prompt;
}
