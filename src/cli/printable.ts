/** Text from outside on one line: a control character in a name or a description must not reach the terminal. */
export function printable (text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, character => character === '\n' ? '⏎' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** ISO 8601 in UTC, to the second. */
export function printableDate (date: Date | string): string {
  return `${new Date(date).toISOString().slice(0, 19)}Z`
}

/** `90500` → `1 min 30 s`. */
export function printableDuration (milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  const seconds = milliseconds / 1000
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
}

/** `1 row`, `2 rows`. */
export function counted (count: number, noun: string): string {
  return `${String(count).replace(/(?<=\d)(?=(?:\d{3})+$)/g, ',')} ${noun}${count === 1 ? '' : 's'}`
}
