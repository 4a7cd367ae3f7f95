/** A print-ready PDF of one page, different for each text: rectangles alone, so that no font must be embedded. */
"use strict";

const { createHash } = require("node:crypto");

const BLEED = 8.5; // points, 3 mm
const SIDE = 300;

/** The bytes of the PDF that stands for a text. */
function drawing(text) {
  const bits = createHash("sha256").update(text).digest();
  const commands = [...bits].map((byte, place) => {
    const [column, row] = [place % 6, Math.floor(place / 6)];
    return `0 0 0 ${(byte / 255).toFixed(3)} k ${BLEED + column * 50} ${BLEED + row * 50} 48 48 re f`;
  });
  const content = commands.join("\n");
  const media = `[0 0 ${SIDE + 2 * BLEED} ${SIDE + 2 * BLEED}]`;
  const trim = `[${BLEED} ${BLEED} ${SIDE + BLEED} ${SIDE + BLEED}]`;
  return assembled([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    `<< /Type /Page /Parent 2 0 R /MediaBox ${media} /TrimBox ${trim} /Resources << >> /Contents 4 0 R >>`,
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
  ]);
}

/** Objects as a file, with the table that says where each begins. */
function assembled(objects) {
  let file = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";
  const places = objects.map((object, number) => {
    const place = file.length;
    file += `${number + 1} 0 obj\n${object}\nendobj\n`;
    return place;
  });
  const table = file.length;
  const rows = places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`;
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(file, "latin1");
}

module.exports = { drawing };
