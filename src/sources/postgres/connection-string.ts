/** libpq's `name='value' …`. */
export function connectionString (parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters).map(([name, value]) => `${name}='${value.replace(/[\\']/g, '\\$&')}'`).join(' ')
}
