// Formats of strings, each as a pattern of the texts of it that we write: fewer than the format allows, all of them
// right under strict readings (days up to 28, no leap seconds). A format that is not listed is only an annotation.

const date = "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
const clock = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";
const offset = "(Z|[+-](0[0-9]|1[0-2]):[0-5][0-9])";
const label = "[a-z][a-z0-9]{0,11}";
const host = `${label}(\\.${label}){0,2}\\.(com|org|net|dev|io)`;
const octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const path = "(/[a-z0-9_-]{1,12}){0,4}";
const mail = `[a-z][a-z0-9]{0,15}(\\.[a-z0-9]{1,12}){0,2}@${host}`;
const hex = "[0-9a-f]";

const formats: Readonly<Record<string, string>> = {
  date,
  time: `${clock}${offset}`,
  "date-time": `${date}T${clock}${offset}`,
  duration: "P([1-9][0-9]?[YMWD]|T[1-9][0-9]?[HMS])",
  email: mail,
  "idn-email": mail,
  hostname: host,
  "idn-hostname": host,
  ipv4: `${octet}(\\.${octet}){3}`,
  ipv6: `(${hex}{1,4}:){7}${hex}{1,4}`,
  uri: `https?://${host}${path}`,
  "uri-reference": `https?://${host}${path}`,
  iri: `https?://${host}${path}`,
  "iri-reference": `https?://${host}${path}`,
  "uri-template": `https?://${host}${path}`,
  url: `https?://${host}${path}`,
  uuid: `${hex}{8}-${hex}{4}-[1-8]${hex}{3}-[89ab]${hex}{3}-${hex}{12}`,
  "json-pointer": "(/[a-z0-9]{1,12}){0,4}",
  "relative-json-pointer": "(0|[1-9][0-9]?)(/[a-z0-9]{1,12}){0,4}",
  regex: "[a-z0-9]{0,16}",
};

/** The pattern that a text of the format matches as a whole; undefined for a format that is only an annotation. */
export const formatPattern = (format: string): string | undefined =>
  Object.hasOwn(formats, format) ? formats[format] : undefined;
