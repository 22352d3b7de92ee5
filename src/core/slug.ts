/** Letters, digits, points and dashes of a text, for a name: "Raspberry Pi 5 (8 GB)" is "raspberry-pi-5-8-gb". */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-+|-+$/g, '');
}
