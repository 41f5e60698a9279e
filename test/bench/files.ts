import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { noise, seededRandom, sentence } from './random.ts'

const MEBIBYTE = 2 ** 20
const SMALL_FILES = 8_000
const MIDDLE_FILES = 400
const BIG_FILES = 4
const BIG_LENGTH = 64 * MEBIBYTE

/** Stored files, at scale 1 about 500 MB: many small texts, pictures half of which can be compressed, a few large ones. */
export async function writeFiles (folder: string, scale: number): Promise<void> {
  for (let number = 0; number < count(SMALL_FILES, scale); number++) await put(smallFile(folder, number), smallText(number, 0))
  for (let number = 0; number < count(MIDDLE_FILES, scale); number++) await put(middleFile(folder, number), picture(number))
  for (let number = 0; number < BIG_FILES; number++) await writeBig(bigFile(folder, number), number, Math.round(BIG_LENGTH * scale))
}

/** A day: 1 % of the small and of the middle files get other bytes or more of them, one large file a few bytes in its middle. `day` counts from 1. */
export async function touchFiles (folder: string, scale: number, day: number): Promise<void> {
  for (const number of everyHundredth(count(SMALL_FILES, scale), day)) await put(smallFile(folder, number), smallText(number, day))
  for (const number of everyHundredth(count(MIDDLE_FILES, scale), day)) {
    const path = middleFile(folder, number)
    await put(path, Buffer.concat([await readFile(path), noise(day)(10_000)]))
  }
  await overwrite(bigFile(folder, day % BIG_FILES), Math.round(BIG_LENGTH * scale / 2), noise(day)(Math.max(100, Math.round(BIG_LENGTH * scale / 100))))
}

const count = (full: number, scale: number): number => Math.max(10, Math.round(full * scale))
const smallFile = (folder: string, number: number): string => join(folder, `notes-${number % 50}`, `note-${number}.md`)
const middleFile = (folder: string, number: number): string => join(folder, 'pictures', `${number}.bin`)
const bigFile = (folder: string, number: number): string => join(folder, 'exports', `big-${number}.dat`)

function * everyHundredth (total: number, day: number): Generator<number> {
  for (let number = day % Math.min(100, total); number < total; number += 100) yield number
}

function smallText (number: number, day: number): Buffer {
  const random = seededRandom(number + day * 1_000_003)
  return Buffer.from(`note ${number}, day ${day}\n${sentence(random, Math.floor(150 + random() * 2_800))}\n`)
}

function picture (number: number): Buffer {
  const length = Math.floor(100_000 + seededRandom(number)() * 200_000)
  return Buffer.concat([noise(number + 5_000)(length), Buffer.alloc(length, `pixel ${number} `)])
}

const PIECE_LENGTH = MEBIBYTE

/** Every second large file is text. */
async function writeBig (path: string, number: number, length: number): Promise<void> {
  const random = seededRandom(number + 900)
  const bytes = noise(number + 900)
  await mkdir(join(path, '..'), { recursive: true })
  await using file = await open(path, 'w')
  for (let written = 0; written < length; written += PIECE_LENGTH) {
    const room = Math.min(PIECE_LENGTH, length - written)
    await file.writeFile(number % 2 === 0 ? bytes(room) : Buffer.from(sentence(random, PIECE_LENGTH / 4)).subarray(0, room))
  }
}

async function overwrite (path: string, position: number, bytes: Buffer): Promise<void> {
  await using file = await open(path, 'r+')
  await file.write(bytes, 0, bytes.length, position)
}

async function put (path: string, bytes: Buffer): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, bytes)
}
