/** Texts that a stranger may have written, made safe to print. */

// C0 and C1 controls, and the marks that turn the reading direction (Trojan Source, CVE-2021-42574).
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** A text that cannot move a terminal's cursor, colour it or turn its direction. */
export const inert = (text: string) =>
  text.replace(unsafe, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const kebab = (name: string) => name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()

/** Whether a text is well-formed Unicode, without lone surrogates or NUL. */
export const isWellFormed = (text: string) => !/\p{Surrogate}|\u0000/u.test(text)
