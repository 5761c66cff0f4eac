/** What the app takes of a migration event; the platform sends more. */
export interface UploadedEvent {
  eventType: string;
  transferId: string;
  messageId: string;
  key: string;
  label?: string;
}

export interface Worklog {
  issue: string;
  author: string;
  seconds: number;
}

export function assertUploaded(event: UploadedEvent): void {
  if (!event.key || !event.messageId) {
    throw new Error(`no key or no message in ${JSON.stringify(event)}`);
  }
}
