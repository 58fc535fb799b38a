/** Pickles as numpy writes them into the checkpoint of the perceptual net, with few numbers. */
import { readPickle } from '../../src/models/convert/pickle.js';
import { isAccident, latin1, type Target } from './target.js';

const text = (s: string): string => `X${String.fromCharCode(s.length)}\0\0\0${s}`;
const EMPTY =
  'cnumpy.core.multiarray\n_reconstruct\nq\x20cnumpy\nndarray\nq\x21K\0\x85q\x22C\x01bq\x23\x87Rq\x24';
const DTYPE = `cnumpy\ndtype\nq\x25${text('f4')}\x89\x88\x87Rq\x26(K\x03${text('<')}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb`;
const data = (n: number): string => `B${String.fromCharCode(4 * n)}\0\0\0${'\0\0\x80\x3f'.repeat(n)}`;
const first = `${EMPTY}(K\x01K\x02\x85${DTYPE}\x89${data(2)}tb`;
const second = `h\x20h\x21K\0\x85h\x23\x87R(K\x01(K\x01K\x01K\x02K\x03th\x26\x89${data(6)}tb`;

const SEEDS = [
  `\x80\x03}q\0(${text('net')}}q\x01${text('kernel')}${first}su.`,
  `\x80\x03}q\0(${text('conv1')}}q\x01(${text('bias')}${first}${text('weight')}${second}u${text('lin')}}q\x02${text('w')}${second}su.`,
  `\x80\x02}(${text('a')}${first}u.`,
];

const TOKENS = [
  'cos\nsystem\n', 'c__builtin__\neval\n', 'cnumpy\ndtype\n', EMPTY, DTYPE, first, second, data(2), '}', '(', ')', 'N', 'K\x01', 'M\0\x10',
  'J\xff\xff\xff\x7f', 'X\xff\xff\xff\x7f', 'B\xff\xff\xff\xff', 'q\0', 'h\0', 'r\0\0\0\0', 'j\0\0\0\0', 's', 'u', 't', 'R', 'b', '.',
  '\x85', '\x86', '\x87', '\x88', '\x89', '\x80\x03', '\x80\x05', '\x95', '\x93', '\x94', '\x8c', ']', 'a', 'e', 'l', 'd', 'o', 'i', 'P', 'Q',
]; // biome-ignore format: opcodes

export const pickleTarget = async (): Promise<Target> => ({
  seeds: SEEDS.map(latin1),
  tokens: TOKENS.map(latin1),
  maxBytes: 65_536,
  read: readPickle,
  isRefusal: (error) => !isAccident(error),
});
