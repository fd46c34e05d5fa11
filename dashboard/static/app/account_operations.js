// The GraphQL operations of signing in and up, and of one's own account.

const REFUSAL = 'refusal { code message field }';
const SESSION = `session { accessToken expiresAt refreshToken refreshExpiresAt } secondFactor { token } ${REFUSAL}`;
const CHALLENGE = `challenge { id sentTo expiresAt resendAt } ${REFUSAL}`;

export const SIGN_IN_OPTIONS = `query SignInOptions { signInOptions { signUp channels } }`;

export const SIGN_UP = `mutation SignUp($input: SignUpInput!) { signUp(input: $input) { ${CHALLENGE} } }`;

export const CONFIRM_SIGN_UP = `mutation ConfirmSignUp($input: CodeInput!) {
  confirmSignUp(input: $input) { ${SESSION} }
}`;

export const REQUEST_LOG_IN_CODE = `mutation RequestLogInCode($input: ContactInput!) {
  requestLogInCode(input: $input) { ${CHALLENGE} }
}`;

export const LOG_IN_WITH_CODE = `mutation LogInWithCode($input: CodeInput!) {
  logInWithCode(input: $input) { ${SESSION} }
}`;

export const REQUEST_PASSWORD_RESET = `mutation RequestPasswordReset($input: ContactInput!) {
  requestPasswordReset(input: $input) { ${CHALLENGE} }
}`;

export const RESET_PASSWORD = `mutation ResetPassword($input: ResetPasswordInput!) {
  resetPassword(input: $input) { ${SESSION} }
}`;

export const RESEND_CODE = `mutation ResendCode($input: ResendCodeInput!) {
  resendCode(input: $input) { ${CHALLENGE} }
}`;

export const REQUEST_CONFIRMATION = `mutation RequestConfirmation { requestConfirmation { ${CHALLENGE} } }`;

export const YOU = `query You {
  viewer {
    name
    email
    phone
    role
    secondFactor { isOn recoveryCodesLeft }
    sessions { id createdAt lastUsedAt address userAgent kind hasSecondFactor isCurrent }
  }
}`;

export const OWN_AUDIT = `query OwnAudit($first: Int!) {
  viewer {
    auditLog(first: $first) {
      pageInfo { hasNextPage }
      nodes { id at actor action outcome times address via keyName panelCode }
    }
  }
}`;

export const REQUEST_CONTACT_CHANGE = `mutation RequestContactChange($input: RequestContactChangeInput!) {
  requestContactChange(input: $input) { ${CHALLENGE} }
}`;

export const CONFIRM_CONTACT_CHANGE = `mutation ConfirmContactChange($input: CodeInput!) {
  confirmContactChange(input: $input) { isDone ${REFUSAL} }
}`;

export const CHANGE_PASSWORD = `mutation ChangePassword($input: ChangePasswordInput!) {
  changePassword(input: $input) { isDone ${REFUSAL} }
}`;

export const START_SECOND_FACTOR = `mutation StartSecondFactor($input: StartSecondFactorInput!) {
  startSecondFactor(input: $input) { setup { secret uri qrCode } ${REFUSAL} }
}`;

export const CONFIRM_SECOND_FACTOR = `mutation ConfirmSecondFactor($input: ConfirmSecondFactorInput!) {
  confirmSecondFactor(input: $input) { recoveryCodes ${REFUSAL} }
}`;

export const DISABLE_SECOND_FACTOR = `mutation DisableSecondFactor($input: DisableSecondFactorInput!) {
  disableSecondFactor(input: $input) { isDone ${REFUSAL} }
}`;

export const END_SESSION = `mutation EndSession($input: EndSessionInput!) {
  endSession(input: $input) { endedId ${REFUSAL} }
}`;

export const END_OTHER_SESSIONS = `mutation EndOtherSessions($input: LogOutEverywhereInput!) {
  logOutEverywhere(input: $input) { ended ${REFUSAL} }
}`;

const KEY = 'id name prefix scopes createdAt expiresAt revokedAt lastUsedAt lastUsedAddress';

export const SERVICE_ACCOUNTS = `query ServiceAccounts {
  viewer { serviceAccounts { nodes { id name scopes createdAt keys { ${KEY} } } } }
}`;

export const CREATE_SERVICE_ACCOUNT = `mutation CreateServiceAccount($input: CreateServiceAccountInput!) {
  createServiceAccount(input: $input) { serviceAccount { id name } ${REFUSAL} }
}`;

export const REMOVE_SERVICE_ACCOUNT = `mutation RemoveServiceAccount($input: RemoveServiceAccountInput!) {
  removeServiceAccount(input: $input) { ${REFUSAL} }
}`;

export const CREATE_API_KEY = `mutation CreateApiKey($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { secret key { id } ${REFUSAL} }
}`;

export const ROTATE_API_KEY = `mutation RotateApiKey($input: RotateApiKeyInput!) {
  rotateApiKey(input: $input) { secret key { id } ${REFUSAL} }
}`;

export const REVOKE_API_KEY = `mutation RevokeApiKey($input: RevokeApiKeyInput!) {
  revokeApiKey(input: $input) { ${REFUSAL} }
}`;
