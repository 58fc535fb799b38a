/** Reports of the experiments: Markdown with charts, which may be committed, and pictures of faces, which may not. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Chart, lineChart } from './line-chart.js';

export interface Report {
  title: string;
  /** Paragraphs and tables, in order. */
  text: readonly string[];
  /** By name; written as NAME-<name>.svg. */
  charts: Readonly<Record<string, Chart>>;
  /** PNG by name; written as images/NAME-<name>.png. */
  pictures: Readonly<Record<string, Uint8Array>>;
}

/** A table in Markdown; the first row is its head. Columns after the first are set to the right. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  if (!head) throw new RangeError('Expected a table with a head');
  const ragged = body.find((row) => row.length !== head.length);
  if (ragged) throw new RangeError(`Expected ${head.length} cells but received ${ragged.length}`);
  const line = (cells: readonly string[]) => `| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...body.map(line)].join('\n');
}

/** The Markdown of a report whose files lie beside it. */
export function markdown(name: string, { title, text, charts, pictures }: Report): string {
  const parts = [
    `# ${title}`,
    `Made by \`npm run experiments -- ${name}\`. Pictures of faces are written beside it and not kept in git.`,
    ...text,
    ...Object.entries(charts).map(([part, { title: caption }]) => `![${caption}](${name}-${part}.svg)`),
    ...Object.keys(pictures).map((part) => `![${part}](images/${name}-${part}.png)`),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Writes the report and all it shows below `folder`; returns the path of the Markdown. */
export async function writeReport(folder: string, name: string, report: Report): Promise<string> {
  await mkdir(join(folder, 'images'), { recursive: true });
  for (const [part, chart] of Object.entries(report.charts))
    await writeFile(join(folder, `${name}-${part}.svg`), lineChart(chart));
  for (const [part, png] of Object.entries(report.pictures))
    await writeFile(join(folder, 'images', `${name}-${part}.png`), png);
  const path = join(folder, `${name}.md`);
  await writeFile(path, markdown(name, report));
  return path;
}
