import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** Lower number = lower layer. A file imports from its own folder or from a strictly lower layer. */
const LAYER: Readonly<Record<string, number>> = {
  errors: -1, stream: 0, shape: 0, age: 1, chunking: 1, storage: 1, sources: 1, cas: 2, dag: 3, trust: 4, caf: 4, engine: 5, config: 6, http: 7, jobs: 7, cli: 8, index: 9,
}

interface Parsed { readonly file: string, readonly text: string, readonly imports: readonly string[], readonly breaches: readonly string[] }

/** The folder or top-level file of src/ that a path belongs to. */
const partOf = (file: string): string => relative('src', file).split(sep)[0]!.replace(/\.ts$/, '')
/** The sub-folder of src/sources/ that a path belongs to, or '' for what all sources share. */
const sourceOf = (file: string): string => {
  const [part, folder, ...rest] = relative('src', file).split(sep)
  return part === 'sources' && rest.length > 0 ? folder! : ''
}

/** Every module named by `import`, `import type`, `export … from`, `import()` or `import('…').Type`, also without a binding. */
function importsOf (source: ts.SourceFile): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const specifier = ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? node.moduleSpecifier
      : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) ? node.argument.literal
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword ? node.arguments[0]
          : undefined
    if (specifier !== undefined) found.push(ts.isStringLiteralLike(specifier) ? specifier.text : '<computed>')
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function breachesOf (source: ts.SourceFile): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.push('any')
    if (ts.isExportAssignment(node)) found.push('default export')
    if (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(modifier => modifier.kind === ts.SyntaxKind.DefaultKeyword)) found.push('default export')
    if (ts.isExportSpecifier(node) && node.name.text === 'default') found.push('default export')
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function parse (file: string, text: string): Parsed {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
  return { file, text, imports: importsOf(source), breaches: breachesOf(source) }
}

function upward ({ file, imports }: Parsed): string[] {
  return imports.flatMap(specifier => {
    if (specifier === '<computed>') return [`${file} -> a computed module name`]
    if (!specifier.startsWith('.')) return []
    const target = join(dirname(file), specifier)
    const [from, to] = [partOf(file), partOf(target)]
    const allowed = from === to
      ? from !== 'sources' || sourceOf(target) === '' || sourceOf(target) === sourceOf(file)
      : LAYER[to]! < LAYER[from]! // an undeclared folder compares as false
    return allowed ? [] : [`${file} -> ${target}`]
  })
}

const files = globSync('src/**/*.ts', { exclude: ['src/dashboard/**'] }).sort().map(file => parse(file, readFileSync(file, 'utf8')))

describe('architecture', () => {
  it('sees the sources', () => {
    expect(files.map(({ file }) => file)).toContain(join('src', 'errors.ts'))
  })

  it('imports point downwards, and no source sees another', () => {
    expect(files.flatMap(upward)).toEqual([])
  })

  it('has no default export and no any', () => {
    expect(files.flatMap(({ file, breaches }) => breaches.map(breach => `${file}: ${breach}`))).toEqual([])
  })

  it('has no file over 400 lines', () => {
    expect(files.filter(({ text }) => text.split('\n').length > 401).map(({ file }) => file)).toEqual([])
  })

  it.each([
    ["import { x } from '../dag/x.ts'", 'src/cas/a.ts'],
    ["import type { X } from '../dag/x.ts'", 'src/cas/a.ts'],
    ["export { x } from '../dag/x.ts'", 'src/cas/a.ts'],
    ["export * from '../dag/x.ts'", 'src/cas/a.ts'],
    ["import '../dag/x.ts'", 'src/cas/a.ts'],
    ["const x = await import('../dag/x.ts')", 'src/cas/a.ts'],
    ['const x = await import(name)', 'src/cas/a.ts'],
    ["type X = import('../dag/x.ts').X", 'src/cas/a.ts'],
    ["import { x } from '../storage/x.ts'", 'src/chunking/a.ts'],
    ["import { x } from '../qdrant/x.ts'", 'src/sources/postgres/a.ts'],
    ["import { x } from './postgres/x.ts'", 'src/sources/source.ts'],
    ["import { x } from '../unheard-of/x.ts'", 'src/engine/a.ts'],
    ["import { x } from '../index.ts'", 'src/engine/a.ts'],
  ])('would catch %s in %s', (text, file) => {
    expect(upward(parse(file, text))).toHaveLength(1)
  })

  it.each([
    ["import { x } from './b.ts'", 'src/cas/a.ts'],
    ["import { x } from '../source.ts'", 'src/sources/postgres/a.ts'],
    ["import { x } from './b.ts'", 'src/sources/postgres/a.ts'],
    ["import { x } from '../../stream.ts'", 'src/sources/postgres/a.ts'],
    ["import { x } from '../dag/x.ts'", 'src/engine/a.ts'],
    ["import { x } from 'node:fs'", 'src/cas/a.ts'],
  ])('allows %s in %s', (text, file) => {
    expect(upward(parse(file, text))).toEqual([])
  })

  it.each(['export default 1', 'export default function f () {}', 'const a = 1; export { a as default }', 'let x: any', 'const x = y as any'])('would catch %s', text => {
    expect(breachesOf(ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest))).toHaveLength(1)
  })
})
