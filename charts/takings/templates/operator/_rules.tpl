{{/* What the operator may do. No Secrets, no ConfigMaps, no writes to Pods. */}}
{{- define "takings.operatorRules" -}}
- apiGroups: [takings.dev]
  resources: [salesimports]
  verbs: [get, list, watch, create, patch]
- apiGroups: [takings.dev]
  resources: [salesimportschedules]
  verbs: [get, list, watch]
- apiGroups: [takings.dev]
  resources: [salesimports/status, salesimportschedules/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# Why a Pod does not start stands in its events.
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* And in the release's namespace: to make a Lease, and to hold its own. */}}
{{- define "takings.operatorLeaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "takings.fullname" . }}-operator]
  verbs: [get, update]
{{- end }}

{{- define "takings.operatorSubject" -}}
- kind: ServiceAccount
  name: {{ include "takings.serviceAccountName" (dict "root" . "component" "operator" "settings" .Values.operator.serviceAccount) }}
  namespace: {{ .Release.Namespace }}
{{- end }}
