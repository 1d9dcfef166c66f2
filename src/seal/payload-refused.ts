/** Type of the failure of a workflow or an answer from somebody without the platform's key. */
export const PAYLOAD_REFUSED = 'payload-refused';
