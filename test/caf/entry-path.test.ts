import { describe, expect, it } from 'vitest'
import { EntryPaths, checkEntryPath } from '../../src/caf/entry-path.ts'

const unsafe = expect.objectContaining({ code: 'ARCHIVE_UNSAFE' }) as Error

describe('the name of an entry', () => {
  it.for([
    ['', 'is empty'], ['/etc/passwd', 'absolute'], ['C:/x', 'drive letter'], ['a\\b', 'backslash'], ['a\u0000b', 'control character'], ['a\nb', 'control character'],
    ['..', '. or ..'], ['../x', '. or ..'], ['a/../../x', '. or ..'], ['a/..', '. or ..'], ['./x', '. or ..'], ['a//b', 'empty part'], ['\ud800', 'Unicode'], ['a'.repeat(65_536), 'longer'],
  ])('is refused when it is %j', ([path, why]) => {
    expect(() => { checkEntryPath(path!) }).toThrow(unsafe)
    expect(() => { checkEntryPath(path!) }).toThrow(why)
  })

  it.for(['a', 'a/b', 'a/', '..a', 'a..', 'a/...b', 'C', 'ü/é', ' '])('may be %j', path => {
    expect(() => { checkEntryPath(path) }).not.toThrow()
  })
})

describe('the names of an archive', () => {
  it.for([
    [['a', 'a']], [['a', 'A']], [['é', 'e\u0301']], [['a', 'a/b']], [['a/b', 'a']], [['a/', 'A/']], [['a/', 'a']],
  ])('refuse the last of %j', ([names]) => {
    const paths = new EntryPaths()
    for (const name of names!.slice(0, -1)) paths.add(name)
    expect(() => { paths.add(names!.at(-1)!) }).toThrow(unsafe)
  })

  it('take files in a folder, and the folder afterwards', () => {
    const paths = new EntryPaths()
    for (const name of ['a/b', 'a/c', 'a/', 'd/e/f']) paths.add(name)
  })
})
