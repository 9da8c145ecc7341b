// Counts a text as a phone does, with the tables of app/text/encoding handed over by the page.

export function measure(text, facts) {
  const letters = [...text];
  const extended = letters.filter((letter) => facts.extension.includes(letter)).length;
  const plain = letters.every((letter) => facts.basic.includes(letter) || facts.extension.includes(letter));
  return plain
    ? { encoding: "GSM-7", units: letters.length + extended, most: facts.septets, unit: "septets" }
    : { encoding: "UCS-2", units: text.length, most: facts.ucs2, unit: "units" };
}
