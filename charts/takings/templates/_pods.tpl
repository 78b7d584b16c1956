{{/* What all Pods of the chart have in common. */}}

{{/* Every Pod here passes the `restricted` Pod Security Standard; 65532 is the images' user. */}}
{{- define "takings.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "takings.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where a Pod may run and its images come from:
     (dict "root" $ "settings" .Values.api) */}}
{{- define "takings.placement" -}}
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .settings.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" }}
{{- with index $.settings $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Over zones and nodes: softly, and counted within one ReplicaSet, since a rollout must neither
     wait nor end up lopsided. (dict "settings" .Values.api "labels" of its Pods) */}}
{{- define "takings.spread" -}}
{{- if .settings.topologySpreadConstraints }}
{{- toYaml .settings.topologySpreadConstraints }}
{{- else }}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- $.labels | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}

{{/* A connection string, and its authority's certificate, from a Secret as files:
     (dict "name" "database" "secret" .Values.database) */}}
{{- define "takings.databaseVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .secret.key }}
        path: url
      {{- if .secret.caKey }}
      - key: {{ .secret.caKey }}
        path: ca.crt
      {{- end }}
{{- end }}

{{/* How the program finds them: .Values.database */}}
{{- define "takings.databaseEnv" -}}
- name: DATABASE_URL_FILE
  value: /etc/takings/database/url
{{- if .caKey }}
- name: PGSSLROOTCERT
  value: /etc/takings/database/ca.crt
- name: PGSSLMODE
  value: verify-full
{{- end }}
{{- end }}

{{- define "takings.databaseMount" -}}
- name: {{ . }}
  mountPath: /etc/takings/{{ . }}
  readOnly: true
{{- end }}

{{/* The admin port says whether the process lives and whether it takes work. */}}
{{- define "takings.probes" -}}
livenessProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet:
    path: /readyz
    port: admin
  periodSeconds: 2
  timeoutSeconds: 2
{{- end }}
