{{/* What all Pods of the chart have in common. */}}

{{/* Every Pod here passes the `restricted` Pod Security Standard; 65532 is the images' user. */}}
{{- define "takings.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "takings.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "takings.imagePullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Where a Pod may run: its component's values. */}}
{{- define "takings.scheduling" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
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
      {{- with .secret.caKey }}
      - key: {{ . }}
        path: ca.crt
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
