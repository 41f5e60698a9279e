/** Draws what the demo prints as an SVG: `npm run demo | node test/e2e/demo/picture.ts > docs/demo.svg`. */
import { text } from 'node:stream/consumers'

const LINE_HEIGHT = 18
const CHARACTER_WIDTH = 7.85
const MARGIN = 16

const COLOURS = [
  { pattern: /^✓.*$/, colour: '#e6edf3' },
  { pattern: /^ {6}.*$/, colour: '#8b949e' },
  { pattern: /^\S.*$/, colour: '#79c0ff' },
]

function escape (line: string): string {
  return line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function draw (line: string, number: number): string {
  const colour = COLOURS.find(({ pattern }) => pattern.test(line))?.colour ?? '#e6edf3'
  const tick = line.startsWith('✓') ? '<tspan fill="#3fb950">✓</tspan>' : ''
  return `<text x="${MARGIN}" y="${MARGIN + LINE_HEIGHT * (number + 1)}" fill="${colour}" xml:space="preserve">${tick}${escape(tick === '' ? line : line.slice(1))}</text>`
}

const lines = ['$ npm run demo', ...(await text(process.stdin)).trimEnd().split('\n').filter(line => !line.startsWith('>') && !/^\s*$/.test(line))]
const width = Math.ceil(2 * MARGIN + CHARACTER_WIDTH * Math.max(...lines.map(line => line.length)))
const height = 2 * MARGIN + LINE_HEIGHT * (lines.length + 1)
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Output of the demo">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13">
${lines.map(draw).join('\n')}
</g>
</svg>
`)
