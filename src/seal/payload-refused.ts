/** Type of the failure of what somebody without the platform's key has started or answered. */
export const PAYLOAD_REFUSED = 'payload-refused';
