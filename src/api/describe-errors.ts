/** The page docs/errors.md: every error that the service can answer with. */
import { AppError, ERRORS } from '../errors.js';
import { problemOf } from './problem.js';

const HEADER = '<!-- Generated from src/error-codes.ts by `npm run errors`; edit that and run it again. -->';

const EXAMPLE = problemOf(
  new AppError('FACE_NOT_FOUND', {
    detail:
      'Photo 2 of 3: No face was found. Send a photo that shows a face clearly, upright and not too small.',
    extra: { index: 1 },
  }),
  '0c7c1f0e-6a39-4c0e-9a55-0a2f6a0f3a51',
);

const EXPLANATION = `Switch on \`code\`, which never changes its meaning; show \`detail\` to people. \`instance\` names the request in the log.
Some codes add members: \`index\` (position of the refused photo), \`state\`, \`embedding\` and \`parameter\` (what is not ready, or was not kept),
\`faces\` (how many the photo shows), \`problems\` (one for each refused photo).
An embedding that failed carries the same \`status\`, \`code\`, \`title\` and \`detail\` in its member \`error\`.`;

export function describeErrors(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, retryable, meaning }]) =>
      `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${meaning.replaceAll('|', '\\|')} |`,
  );
  return `# Errors

${HEADER}

Every error answer is an RFC 9457 document of the type \`application/problem+json\`:

\`\`\`json
${JSON.stringify(EXAMPLE, null, 2)}
\`\`\`

${EXPLANATION}

| code | status | retry helps | meaning, and what to do |
|---|---|---|---|
${rows.join('\n')}
`;
}
